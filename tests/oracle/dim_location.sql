-- dim_location: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT address_id              AS location_id,
       address_line_1::varchar AS address_line_1,
       address_line_2::varchar AS address_line_2,
       district::varchar       AS district,
       city::varchar           AS city,
       postal_code::varchar    AS postal_code,
       country::varchar        AS country,
       phone::varchar          AS phone
  FROM public.address
 ORDER BY address_id;
