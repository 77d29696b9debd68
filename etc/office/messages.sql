-- The task "messages": answer what is open, and leave a note of how many still wait.
-- Several statements are fine: all of a run's statements share one transaction (transaction = on).

CALL office.answer_messages();

INSERT INTO office.activity (kind, detail)
SELECT 'messages', format('%s wait for an answer', count(*))
  FROM office.messages
 WHERE replied_at IS NULL;
