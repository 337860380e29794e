-- fact_payment: the current state of each business id, as in current_fact_payment, without the record's number.
-- A text that is no date makes this fail: such a row is refused by the warehouse.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT payment_id,
       created_at::date        AS created_date,
       created_at::time        AS created_time,
       last_updated::date      AS last_updated_date,
       last_updated::time      AS last_updated_time,
       transaction_id,
       counterparty_id,
       payment_amount::numeric AS payment_amount,
       currency_id,
       payment_type_id,
       paid,
       payment_date::date      AS payment_date
  FROM public.payment
 ORDER BY payment_id;
