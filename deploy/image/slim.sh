#!/bin/sh
# slim.sh ROOTFS: copy this build stage's file system there, without what a server doesn't need, every file with the
# same time. The final stage is that copy: a file that is only deleted there would still be in the layer below.
set -eu
rootfs=$1

mkdir -p "$rootfs"
tar -C / --one-file-system --exclude=./build --exclude=./dev --exclude=./proc --exclude=./sys --exclude=".$rootfs" \
    --exclude=./etc/hosts --exclude=./etc/hostname --exclude=./etc/resolv.conf -cf - . | tar -C "$rootfs" -xf -
mkdir -p "$rootfs/dev" "$rootfs/proc" "$rootfs/sys"

# Whoever breaks in finds no package manager, no Perl, and nothing that changes users. dpkg's list of what is
# installed stays true, because scanners read it.
unwanted=
for package in apt libapt-pkg7.0 sqv debian-archive-keyring perl-base debconf login login.defs passwd mount util-linux \
    bsdutils sysvinit-utils ncurses-bin diffutils libpam-runtime libpam-modules libpam-modules-bin openssl \
    openssl-provider-legacy python3-pip-whl python3-setuptools-whl bash tar gzip dpkg; do
    for list in "$rootfs/var/lib/dpkg/info/$package.list" "$rootfs/var/lib/dpkg/info/$package:"*.list; do
        [ ! -e "$list" ] || unwanted="$unwanted $package"
    done
done
rm -f "$rootfs"/var/lib/dpkg/info/*.prerm "$rootfs"/var/lib/dpkg/info/*.postrm "$rootfs"/var/lib/dpkg/info/*.preinst
# shellcheck disable=SC2086
dpkg --root="$rootfs" --purge --force-all --no-triggers $unwanted >/dev/null 2>&1 || {
    echo "these can't be removed from the base image:$unwanted" >&2
    exit 1
}
find "$rootfs" -xdev -type f -perm /6000 -delete

stdlib=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
cd "$rootfs"
rm -rf usr/local/lib/python3*/site-packages/pip* usr/local/bin/pip* usr/local/bin/idle* usr/local/bin/pydoc* \
    usr/local/include usr/include ".$stdlib/ensurepip" ".$stdlib/idlelib" ".$stdlib/tkinter" ".$stdlib/turtledemo" \
    ".$stdlib/test" ".$stdlib/pydoc_data" ".$stdlib/lib2to3" ".$stdlib"/config-3*
# Conversions between alphabets for C programs: Python has its own.
rm -rf usr/lib/*/gconv
# Man pages and other languages' messages of tools; what the licences ask for stays.
find usr/share/doc -type f ! -name copyright -delete
rm -rf usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/perl5 usr/share/bash-completion \
    usr/lib/*/perl-base var/lib/apt var/cache/* var/log/* var/lib/dpkg/info var/lib/dpkg/*-old root/.cache tmp/*

packages=$(echo opt/frontdesk/lib/python3*/site-packages)
# Sources that were compiled already, tests, and locales that no page is in.
find "$packages" \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' \) -type f -delete
rm -rf "$packages/sqlalchemy/testing" "$packages/greenlet/tests"
find "$packages/babel/locale-data" -type f ! -name 'root.dat' ! -name 'en.dat' ! -name 'en_US.dat' ! -name 'zh*.dat' -delete

# Compiled here, because no process may write there later, and without a time in it.
for part in "$rootfs$stdlib" "$rootfs/opt/frontdesk"; do
    find "$part" -name __pycache__ -type d -prune -exec rm -rf {} +
    python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$rootfs" "$part"
done
find "$rootfs" -exec touch --no-dereference --date=@1577836800 {} +
