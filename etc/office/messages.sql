-- What the task "messages" reads: the oldest messages without an answer, to people who are at work.
-- It takes no locks: the answers come seconds later, and are for what has none by then.

SELECT m.id, m.channel, m.body, e.name AS recipient
  FROM office.messages m
  JOIN office.at_work e ON e.id = m.recipient_id
 WHERE m.replied_at IS NULL
 ORDER BY m.id
 LIMIT 6
