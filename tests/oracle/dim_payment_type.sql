-- dim_payment_type: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT payment_type_id,
       payment_type_name::text::varchar AS payment_type_name
  FROM public.payment_type
 ORDER BY payment_type_id;
