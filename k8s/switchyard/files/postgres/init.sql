-- Runs once, when the volume is empty. Schemas, tables and roles come from the migrations (the `migrate` service);
-- here is only what must hold before them: nobody but the owner may create anything in this database.
revoke create on schema public from public;
revoke connect, temporary on database switchyard from public;
