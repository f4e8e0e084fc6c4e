#!/usr/bin/env sh
# Makes sure that the system packages named are there, by what they give, and installs only what is missing.
# Usage: system-packages.sh run|test
#   run   what the program itself needs: OpenCV's libGL and glib, and openssl for SM2 signatures
#   test  besides, what the tests look at: Chromium, poppler's pdftoppm, a CJK font for screenshots; and what they
#         start: PostgreSQL with PostGIS, and SoftHSM2
set -eu

missing=""
need() { # need PACKAGE CHECK...
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
library() { ldconfig -p | grep -q "$1"; }

PATH="$PATH:/sbin:/usr/sbin"
need libgl1 library libGL.so.1
need libglib2.0-0 library libgthread-2.0.so.0
need openssl command -v openssl
if [ "${1:-run}" = test ]; then
    need chromium command -v chromium
    need poppler-utils command -v pdftoppm
    need fonts-noto-cjk sh -c 'ls /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc'
    need postgresql sh -c 'ls /usr/lib/postgresql/*/bin/initdb'
    need postgresql-postgis sh -c 'ls /usr/share/postgresql/*/extension/postgis.control'
    need softhsm2 sh -c 'command -v softhsm2-util && ls /usr/lib/softhsm/libsofthsm2.so'
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086 # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "Missing system packages:$missing" >&2
    echo "Install them, on Debian or Ubuntu: sudo apt-get install$missing" >&2
    exit 1
fi
