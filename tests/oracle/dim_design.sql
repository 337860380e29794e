-- dim_design: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT design_id,
       design_name::varchar   AS design_name,
       file_location::varchar AS file_location,
       file_name::varchar     AS file_name
  FROM public.design
 ORDER BY design_id;
