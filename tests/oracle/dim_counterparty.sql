-- dim_counterparty: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT c.counterparty_id,
       c.counterparty_legal_name::varchar AS counterparty_legal_name,
       a.address_line_1::varchar          AS counterparty_legal_address_line_1,
       a.address_line_2::varchar          AS counterparty_legal_address_line_2,
       a.district::varchar                AS counterparty_legal_district,
       a.city::varchar                    AS counterparty_legal_city,
       a.postal_code::varchar             AS counterparty_legal_postal_code,
       a.country::varchar                 AS counterparty_legal_country,
       a.phone::varchar                   AS counterparty_legal_phone_number
  FROM public.counterparty c
  JOIN public.address a ON a.address_id = c.legal_address_id
 ORDER BY c.counterparty_id;
