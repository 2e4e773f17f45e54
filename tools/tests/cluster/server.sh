#!/bin/sh
# Stands in for a server: does what the test says. Not written by the test itself, for a file that was just open for
# writing cannot always be run.
eval "$SERVER"
