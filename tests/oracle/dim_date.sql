-- dim_date: every day that a present order or payment names. The dimension itself also keeps earlier ones.
-- Pure SQL on the source; shares nothing with the transforms.
WITH named (day) AS (
    SELECT created_at::date FROM public.sales_order
    UNION SELECT last_updated::date FROM public.sales_order
    UNION SELECT agreed_delivery_date::date FROM public.sales_order
    UNION SELECT agreed_payment_date::date FROM public.sales_order
    UNION SELECT created_at::date FROM public.purchase_order
    UNION SELECT last_updated::date FROM public.purchase_order
    UNION SELECT agreed_delivery_date::date FROM public.purchase_order
    UNION SELECT agreed_payment_date::date FROM public.purchase_order
    UNION SELECT created_at::date FROM public.payment
    UNION SELECT last_updated::date FROM public.payment
    UNION SELECT payment_date::date FROM public.payment
)
SELECT day                                     AS date_id,
       extract(year FROM day)::integer         AS year,
       extract(month FROM day)::integer        AS month,
       extract(day FROM day)::integer          AS day,
       extract(isodow FROM day)::integer       AS day_of_week,
       to_char(day, 'FMDay')::varchar          AS day_name,   -- without TM: English in every locale
       to_char(day, 'FMMonth')::varchar        AS month_name,
       extract(quarter FROM day)::integer      AS quarter
  FROM named
 WHERE day IS NOT NULL
 ORDER BY date_id;
