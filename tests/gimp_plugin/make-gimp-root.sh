#!/bin/bash
# Makes a folder with a real GIMP 3 in it (Debian 13), to be run with plain `chroot`; does nothing
# where the folder is there already. Works on any Debian or Ubuntu machine as root.
#
#   make-gimp-root.sh [FOLDER]      FOLDER defaults to $PHOTOCHROM_GIMP_ROOT
#
# The packages come from the mirror (and through the proxy) that this machine's apt uses. The last
# line says where the folder is, what it weighs and how long it took. Exit 3: this machine cannot
# (not root, no apt, no network); the reason stands on stderr in one line.
set -euo pipefail

root=${1:-${PHOTOCHROM_GIMP_ROOT:-/var/cache/photochrom-gimp3-root}}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
started=$SECONDS

cannot() {
  echo "make-gimp-root: $1" >&2
  exit 3
}

report() {
  echo "GIMP 3 in $root: $(du -sm "$root" | cut -f1) MB, made in $((SECONDS - started)) s"
}

if [ -x "$root/usr/bin/gimp-console" ] && [ -d "$root/usr/lib/locale/de_DE.utf8" ]; then
  report
  exit 0
fi
[ "$(id -u)" = 0 ] || cannot "making a root folder needs root: run it once with sudo, or set PHOTOCHROM_GIMP_ROOT to one that exists"
command -v apt-get >/dev/null || cannot "this machine has no apt; the recipe is for Debian and Ubuntu"

# One at a time: two test runs that start together share the work of the first.
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9

# GIMP speaks German to the tests of the translation: its C library needs the locale for that.
german() {
  chroot "$root" sh -ec '
    apt-get -q update
    apt-get -qy install locales
    localedef -i de_DE -f UTF-8 --no-archive de_DE.UTF-8
    apt-get clean
    rm -rf /var/lib/apt/lists/*' >&2 || cannot "the German locale could not be made"
}

if [ -x "$root/usr/bin/gimp-console" ]; then
  [ -d "$root/usr/lib/locale/de_DE.utf8" ] || german
  report
  exit 0
fi

export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
if ! command -v debootstrap >/dev/null || [ ! -e "$keyring" ]; then
  apt-get -q update >&2 || cannot "apt-get update failed"
  apt-get -qy --no-install-recommends install debootstrap debian-archive-keyring >&2 ||
    cannot "debootstrap cannot be installed"
fi

# apt knows the mirror that works here; Ubuntu's apt knows none of Debian's, so debootstrap's own
# default is taken there.
mirror=$(apt-get indextargets --format '$(REPO_URI)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | sed -n 1p)

part=$root.part
rm -rf "$part"
debootstrap --variant=minbase --include=ca-certificates --keyring="$keyring" \
  trixie "$part" ${mirror:+"$mirror"} >&2 || cannot "debootstrap failed; its log stands above"
cp -L /etc/resolv.conf /etc/hosts "$part/etc/"
{
  apt-config dump | grep -E '^Acquire::https?::Proxy' || true
  echo 'APT::Install-Recommends "0"; APT::Sandbox::User "root";'
} >"$part/etc/apt/apt.conf.d/90local"
# xdotool, openbox and ImageMagick drive and photograph the window in the GUI tests.
chroot "$part" sh -ec '
  apt-get -q update
  apt-get clean
  apt-get -qy install gimp gir1.2-gimp-3.0 python3-gi python3-gi-cairo \
    xvfb xdotool openbox imagemagick adwaita-icon-theme fonts-dejavu-core
  apt-get clean
  rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/*' >&2 ||
  cannot "GIMP's packages could not be installed; apt's words stand above"
mv "$part" "$root"
german
report
