-- dim_currency: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Without those whose code this file does not name.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT currency_id,
       currency_code::varchar AS currency_code,
       CASE currency_code
           WHEN 'GBP' THEN 'Pound Sterling'
           WHEN 'USD' THEN 'US Dollar'
           WHEN 'EUR' THEN 'Euro'
           WHEN 'JPY' THEN 'Yen'
           WHEN 'CHF' THEN 'Swiss Franc'
       END::varchar           AS currency_name
  FROM public.currency
 WHERE currency_code IN ('GBP', 'USD', 'EUR', 'JPY', 'CHF')
 ORDER BY currency_id;
