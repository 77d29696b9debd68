WITH RECURSIVE of_ours (oid) AS (
    SELECT oid FROM pg_roles WHERE rolname = current_user
    UNION
    -- but not one that has let us in by itself, as a role can before version 16
    SELECT m.roleid FROM pg_auth_members m JOIN of_ours ON m.member = of_ours.oid WHERE m.grantor <> m.roleid
), trusted (oid) AS (
    SELECT oid FROM of_ours
    UNION SELECT oid FROM pg_roles WHERE rolsuper OR rolname = 'pg_database_owner'
    UNION SELECT datdba FROM pg_database WHERE datname = current_database()
), space AS (
    SELECT oid, nspowner, coalesce(nspacl, acldefault('n', nspowner)) AS acl FROM pg_namespace WHERE nspname = 'headgate'
), tables AS (
    SELECT c.oid, c.relowner, c.relkind, c.oid::regclass AS name, coalesce(c.relacl, acldefault('r', c.relowner)) AS acl
      FROM pg_class c JOIN space ON c.relnamespace = space.oid
     WHERE c.relkind NOT IN ('i', 'I', 't')
), made (place, what, owner) AS (
    SELECT 1, 'schema headgate', nspowner FROM space
    UNION ALL SELECT 2, CASE relkind WHEN 'v' THEN 'view ' ELSE 'table ' END || name, relowner FROM tables
    UNION ALL SELECT 3, CASE prokind WHEN 'p' THEN 'procedure ' ELSE 'function ' END || p.oid::regprocedure, proowner
      FROM pg_proc p JOIN space ON pronamespace = space.oid
    UNION ALL SELECT 4, 'type ' || t.oid::regtype, typowner
      FROM pg_type t JOIN space ON typnamespace = space.oid WHERE typrelid = 0 AND typcategory <> 'A'
), allowed (place, what, right_, whom) AS (
    SELECT 5, 'SCHEMA headgate', a.privilege_type, a.grantee
      FROM space, aclexplode(acl) a WHERE a.privilege_type = 'CREATE'
    UNION ALL SELECT 6, 'TABLE ' || name, a.privilege_type, a.grantee
      FROM tables, aclexplode(acl) a WHERE a.privilege_type IN ('TRIGGER', 'REFERENCES')
), called (place, trigger, table_, owner) AS (
    SELECT 7, t.tgname, tables.name, p.proowner
      FROM pg_trigger t JOIN tables ON tables.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal
), faults (place, fault, cure) AS (
    SELECT place, format('the %s belongs to %s, who could have anything run as %s', what, pg_get_userbyid(owner), current_user),
           format('DROP SCHEMA headgate CASCADE; (it is made anew), or, if %s can be trusted: ALTER %s OWNER TO %I;',
                  pg_get_userbyid(owner), upper(split_part(what, ' ', 1)) || substr(what, strpos(what, ' ')), current_user)
      FROM made WHERE owner NOT IN (SELECT oid FROM trusted)
    UNION ALL
    SELECT place, format('%s may %s %s, and could so have anything run as %s', grantee,
                         CASE right_ WHEN 'CREATE' THEN 'make things in the' ELSE 'make a ' || right_ || ' on' END,
                         replace(replace(what, 'SCHEMA', 'schema'), 'TABLE ', ''), current_user),
           format('REVOKE %s ON %s FROM %s;', right_, what, grantee)
      FROM allowed, LATERAL (SELECT CASE whom WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(whom)) END AS grantee) g
     WHERE whom NOT IN (SELECT oid FROM trusted)
    UNION ALL
    SELECT place, format('the trigger %I on %s runs what belongs to %s as %s', trigger, table_, pg_get_userbyid(owner), current_user),
           format('DROP TRIGGER %I ON %s;', trigger, table_)
      FROM called WHERE owner NOT IN (SELECT oid FROM trusted)
)
SELECT fault, cure FROM faults ORDER BY place, fault LIMIT 1
