#!/bin/sh
# Writes the template of the plugin's texts, and brings the translations in step with it:
# update.sh. With a FILE it only writes the template, there. It needs Debian's gettext.
set -eu
if [ $# -gt 0 ]; then
	template=$(realpath "$1")
fi
cd "$(dirname "$0")/.."
: "${template:=languages/pilotsync.pot}"

# Without dates, and with file names only, the same texts give the same template.
find . -name '*.php' -not -path './tests/*' | sed 's|^\./||' | LC_ALL=C sort |
	xgettext --language=PHP --from-code=UTF-8 --files-from=- --output=- --no-wrap --add-location=file \
		--add-comments=translators: --package-name=pilotsync --keyword \
		--keyword=__:1,2t --keyword=esc_html__:1,2t --keyword=esc_attr__:1,2t --keyword=_n:1,2,4t |
	sed -e '1,/^$/{/^#/d;/^"POT-Creation-Date:/d;/^"PO-Revision-Date:/d;/^"Last-Translator:/d;/^"Language-Team:/d;/^"Report-Msgid/d;s/CHARSET/UTF-8/}' >"$template"
if [ $# -gt 0 ]; then
	exit
fi
for po in languages/*.po; do
	msgmerge --quiet --update --backup=none --no-wrap --no-fuzzy-matching --add-location=file "$po" "$template"
	msgattrib --no-obsolete --no-wrap --output-file="$po" "$po"
done
