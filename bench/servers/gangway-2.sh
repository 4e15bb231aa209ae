#!/bin/sh
# With two worker processes; measured when `npm run bench -- --workers` asks for it.
folder=gangway-2 workers=2
. "$(dirname "$0")/_gangway.sh"
