-- dim_transaction: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT transaction_id,
       transaction_type::text::varchar AS transaction_type,
       sales_order_id,
       purchase_order_id
  FROM public.transaction
 ORDER BY transaction_id;
