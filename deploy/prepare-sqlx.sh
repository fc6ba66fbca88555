#!/bin/bash
# Brings every service's schema into one database and lets the query macros write what they learn of it to .sqlx.
set -euo pipefail
cd "$(dirname "$0")/.."
url="${QIHANG_TEST_DATABASE_URL%/*}/qihang_sqlx"
psql --quiet "$QIHANG_TEST_DATABASE_URL" --command 'CREATE DATABASE qihang_sqlx'
for service in identity contracts documents; do
    psql --quiet "$url" --set=ON_ERROR_STOP=1 --command "CREATE SCHEMA $service"
    for file in services/kit/migrations/*.sql services/"$service"/migrations/*.sql; do
        { echo "SET search_path TO $service, public;"; cat "$file"; } | psql --quiet "$url" --set=ON_ERROR_STOP=1 >/dev/null
    done
done
rm -rf .sqlx && mkdir .sqlx
# The macros write only while they are expanded, so the crates with SQL are compiled anew.
touch services/{identity,contracts,documents}/src/lib.rs
DATABASE_URL="$url" SQLX_OFFLINE_DIR="$PWD/.sqlx" cargo check --locked -p qihang-identity -p qihang-contracts -p qihang-documents --all-targets
echo "$(ls .sqlx | wc -l) queries in .sqlx"
