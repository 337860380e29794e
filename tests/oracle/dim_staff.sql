-- dim_staff: what each of its rows for a present source row is. The dimension itself also keeps deleted ones.
-- Without those the warehouse cannot take: their department has no location.
-- Pure SQL on the source; shares nothing with the transforms.
SELECT s.staff_id,
       s.first_name::varchar      AS first_name,
       s.last_name::varchar       AS last_name,
       d.department_name::varchar AS department_name,
       d.location::varchar        AS location,
       s.email_address::varchar   AS email_address
  FROM public.staff s
  JOIN public.department d USING (department_id)
 WHERE d.location IS NOT NULL
 ORDER BY s.staff_id;
