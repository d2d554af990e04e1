-- PostgreSQL: what the user that serves may do, where another one owns the tables and migrates. As the owner, after
-- each `scripts/ownpace migrate`:
--   psql --set serving=ownpace_serving --file scripts/database-role.sql postgresql://OWNER:PASSWORD@HOST/DATABASE
-- Serving needs rows only: it makes, changes and removes no table. What is append-only it may not change. It may delete
-- there, as a deletion that a person confirmed has to: the database wants that to be announced in `meta`, which keeps
-- off mistakes, and not somebody with this password. Of the trail `ownpace audit` shows a line that was taken out.
\set ON_ERROR_STOP on
BEGIN;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"serving";
GRANT USAGE ON SCHEMA public TO :"serving";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"serving";
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO :"serving";
REVOKE UPDATE ON consents, audit, delivery_updates, refilings FROM :"serving";
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM :"serving";
COMMIT;
