#!/bin/sh
# Makes the WordPress plugin with the PHP library in it, as a folder and as a zip:
# plugin.sh FOLDER. With SOURCE_DATE_EPOCH, the same source gives the same bytes.
set -eu
umask 022
mkdir -p "$1"
to=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

rm -rf "$to/pilotsync" "$to/pilotsync.zip"
mkdir -p "$to/pilotsync/lib"
cp -r enqueue/php/wordpress/src enqueue/php/wordpress/*.php enqueue/php/wordpress/README.md LICENSE "$to/pilotsync"
if ! command -v msgfmt >/dev/null; then
	echo "plugin: there is no msgfmt, which makes the translations: install gettext" >&2
	exit 1
fi
mkdir "$to/pilotsync/languages"
for po in enqueue/php/wordpress/languages/*.po; do
	msgfmt --check-format --output-file="$to/pilotsync/languages/$(basename "$po" .po).mo" "$po"
done
cp -r enqueue/php/src enqueue/php/data enqueue/php/autoload.php "$to/pilotsync/lib"
chmod -R u=rwX,go=rX "$to/pilotsync"
if ! command -v zip >/dev/null; then
	echo "plugin: there is no zip, so only the folder was made" >&2
	exit
fi
cd "$to"
if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
	find pilotsync -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
fi
find pilotsync | LC_ALL=C sort | TZ=UTC zip -qX pilotsync.zip -@
