-- fact_sales_order: the current state of each business id, as in current_fact_sales_order, without the record's number.
-- A text that is no date makes this fail: such a row is refused by the warehouse.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT sales_order_id,
       created_at::date            AS created_date,
       created_at::time            AS created_time,
       last_updated::date          AS last_updated_date,
       last_updated::time          AS last_updated_time,
       staff_id                    AS sales_staff_id,
       counterparty_id,
       units_sold,
       unit_price::numeric(10, 2)  AS unit_price,
       currency_id,
       design_id,
       agreed_payment_date::date   AS agreed_payment_date,
       agreed_delivery_date::date  AS agreed_delivery_date,
       agreed_delivery_location_id
  FROM public.sales_order
 ORDER BY sales_order_id;
