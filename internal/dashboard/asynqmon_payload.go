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

// maxPayload bounds how much of a payload is shown, in bytes. pilotsync's own have a few
// hundred.
const maxPayload = 64 << 10

// payloadText shows a task's payload or result: JSON indented, other text unchanged, and
// bytes that aren't text as quoted hex. Invisible characters, and those that change the
// direction of the text, are shown by their code.
func payloadText(_ string, payload []byte) string {
	rest := ""
	if more := len(payload) - maxPayload; more > 0 {
		cut := maxPayload
		for cut > maxPayload-utf8.UTFMax && !utf8.RuneStart(payload[cut]) {
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

// escapeControls escapes invisible characters as in JSON, so that JSON stays valid.
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
