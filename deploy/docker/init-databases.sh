#!/bin/sh
# Runs once in a new PostgreSQL container: a role and a schema a service, so that none reads another's tables.
set -eu
password=$(cat /run/secrets/database_password)
for service in identity contracts documents jobs events interviews push; do
    psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
        --set=role="qihang_$service" --set=schema="$service" --set=password="$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE SCHEMA :"schema" AUTHORIZATION :"role";
SQL
done
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --command 'REVOKE CREATE ON SCHEMA public FROM PUBLIC'
