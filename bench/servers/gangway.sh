#!/bin/sh
folder=gangway workers=1
. "$(dirname "$0")/_gangway.sh"
