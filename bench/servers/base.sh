#!/bin/sh
# The commit that `npm run bench -- --against` names.
folder=base workers=1
. "$(dirname "$0")/_gangway.sh"
