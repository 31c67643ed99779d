# shellcheck shell=bash
# The rows of TABLE, in PostgreSQL's text format: each is one line, as an end of line within a value
# is written \n.
rows() { psql "$SOURCE" -X -q -v ON_ERROR_STOP=1 -c "copy (select * from $TABLE) to stdout"; }
publish rows rows
