#!/bin/sh
psql -q -c "UPDATE core_user SET last_login = now() WHERE username = '$USER'" '${url}' >/dev/null
exec "$@"
