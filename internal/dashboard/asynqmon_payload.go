package dashboard

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// maxShown bounds how much of a payload is shown, in bytes; ours have a few hundred.
const maxShown = 64 << 10

// payloadText is a task's payload or result as text: JSON indented, other text as it
// is, bytes that aren't text as quoted hex. What can't be seen, or turns the
// direction of the text, is shown by its code.
func payloadText(_ string, payload []byte) string {
	rest := ""
	if more := len(payload) - maxShown; more > 0 {
		cut := maxShown
		for cut > maxShown-utf8.UTFMax && !utf8.RuneStart(payload[cut]) {
			cut--
		}
		rest = fmt.Sprintf(" … and %d bytes more", len(payload)-cut)
		payload = payload[:cut]
	}
	if !utf8.Valid(payload) {
		return `"hex ` + hex.EncodeToString(payload) + `"` + rest
	}
	var indented bytes.Buffer
	if rest == "" && json.Indent(&indented, payload, "", "  ") == nil {
		payload = indented.Bytes()
	}
	return escapeControls(string(payload)) + rest
}

// escapeControls writes what can't be seen as JSON does, so that JSON stays JSON.
func escapeControls(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r), r == '\n', r == '\t':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
