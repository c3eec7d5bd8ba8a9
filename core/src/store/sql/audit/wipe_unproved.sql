-- Wipes the particulars of whoever registered the new address of the link ?1, which nobody had proved.
UPDATE audit_events SET ip = NULL, user_agent = NULL, details = '{}'
WHERE user_id = (
  SELECT u.id FROM one_time_tokens AS t JOIN users AS u ON u.email = t.new_email AND u.email_verified = 0
  WHERE t.hash = ?1
)
