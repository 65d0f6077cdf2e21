#!/bin/sh
# alike.sh <source directory> <build directory> <command...>: runs a compiler with the same names for
# files in every checkout, relative to the build directory, where commands run and where `source` is a
# link to the source tree. g++ tells functions that one file alone sees apart by the path it was given.
source=$1
build=$2
shift 2
for argument; do
    shift
    case $argument in
    "$build"/*) argument=${argument#"$build"/} ;;
    "$source"/*) argument=source/${argument#"$source"/} ;;
    -I"$build"/*) argument=-I${argument#-I"$build"/} ;;
    -I"$source"/*) argument=-Isource/${argument#-I"$source"/} ;;
    esac
    set -- "$@" "$argument"
done
exec "$@"
