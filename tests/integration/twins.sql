-- A twin of every function, operator, type and relation of pg_catalog, as others could make them: each says in the server's log
-- that it was called. In `evil` under the same signature, for a role whose search_path has that in front of pg_catalog; there, in
-- `public` and in a schema named like the role also as an overload that an argument without a type (a literal, a NULL) would choose.
SET search_path = pg_catalog;
SET client_min_messages = error;
CREATE SCHEMA evil;
CREATE SCHEMA jobs;
GRANT USAGE ON SCHEMA evil, jobs TO PUBLIC;

CREATE FUNCTION evil.caught(name text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE LOG 'twin called: %', name;
    RETURN true;
END
$$;

CREATE PROCEDURE evil.plant(schema name, name name, arguments text, result text, returns_null bool) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS $twin$ BEGIN RAISE LOG ''twin called: %%'', %L;'
                   ' RETURN%s; END $twin$', schema, name, arguments, result, format('%s.%s(%s)', schema, name, arguments),
                   CASE WHEN returns_null THEN ' NULL' ELSE '' END);
EXCEPTION WHEN OTHERS THEN -- a pseudo-type that no such function may have, or there already
END
$$;

DO $$
DECLARE
    r record;
    schema name;
BEGIN
    FOR r IN SELECT proname, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result,
                    NOT proretset AND prorettype <> 'void'::regtype AND proargmodes IS NULL AS returns_null
               FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace LOOP
        CALL evil.plant('evil', r.proname, r.arguments, r.result, r.returns_null);
    END LOOP;
    FOREACH schema IN ARRAY '{evil,public,jobs}'::name[] LOOP
        FOR r IN SELECT DISTINCT proname, pronargs FROM pg_proc
                  WHERE pronamespace = 'pg_catalog'::regnamespace AND pronargs BETWEEN 1 AND 4 LOOP
            CALL evil.plant(schema, r.proname, repeat('text, ', r.pronargs - 1) || 'text', 'text', true);
        END LOOP;
        FOR r IN SELECT DISTINCT oprname FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' LOOP
            CALL evil.plant(schema, 'operator ' || r.oprname, 'text, text', 'bool', true);
            EXECUTE format('CREATE OPERATOR %I.%s (LEFTARG = text, RIGHTARG = text, FUNCTION = %1$I.%3$I)',
                           schema, r.oprname, 'operator ' || r.oprname);
        END LOOP;
    END LOOP;
END
$$;

DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT oprname, format('operator %s %s', oprname, oid) AS function, oprresult::regtype AS result,
                    oprleft::regtype AS lefttype, oprright::regtype AS righttype, oprkind,
                    concat_ws(', ', nullif(oprleft, 0)::regtype, nullif(oprright, 0)::regtype) AS arguments
               FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace LOOP
        BEGIN
            CALL evil.plant('evil', r.function, r.arguments, r.result::text, true);
            EXECUTE format('CREATE OPERATOR evil.%s (%sRIGHTARG = %s, FUNCTION = evil.%I)', r.oprname,
                           CASE WHEN r.oprkind = 'b' THEN format('LEFTARG = %s, ', r.lefttype) END, r.righttype, r.function);
        EXCEPTION WHEN OTHERS THEN
        END;
    END LOOP;
    FOR r IN SELECT typname FROM pg_type WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype = 'b' AND typname !~ '^_' LOOP
        BEGIN
            EXECUTE format('CREATE DOMAIN evil.%I AS pg_catalog.%1$I CHECK (evil.caught(%L))', r.typname, 'type ' || r.typname);
        EXCEPTION WHEN OTHERS THEN
        END;
    END LOOP;
    FOR r IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v') LOOP
        BEGIN
            EXECUTE format('CREATE VIEW evil.%I AS SELECT * FROM pg_catalog.%1$I WHERE evil.caught(%L)', r.relname, 'view ' || r.relname);
            EXECUTE format('GRANT SELECT ON evil.%I TO PUBLIC', r.relname);
        EXCEPTION WHEN OTHERS THEN
        END;
    END LOOP;
END
$$;

-- Who owns one of the two types may make a cast.
CREATE TYPE evil.mine AS (x int);
CREATE FUNCTION evil.to_mine(text) RETURNS evil.mine LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'twin called: cast'; RETURN NULL; END $$;
CREATE FUNCTION evil.of_mine(evil.mine) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'twin called: cast'; RETURN NULL; END $$;
CREATE CAST (text AS evil.mine) WITH FUNCTION evil.to_mine(text) AS IMPLICIT;
CREATE CAST (evil.mine AS text) WITH FUNCTION evil.of_mine(evil.mine) AS IMPLICIT;

-- What a task finds by its role's search_path, and only there.
CREATE FUNCTION evil.only_here() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION jobs.only_here() RETURNS int LANGUAGE sql AS 'SELECT 1';
