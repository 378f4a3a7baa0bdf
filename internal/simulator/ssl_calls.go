package simulator

import (
	"cmp"
	"crypto/tls"
	"net/http"
)

// PrivateKeyMark is part of the private key in the API's responses. If it appears in a log,
// an error or a page, a secret has leaked.
const PrivateKeyMark = "MC4CAQAwSIMULATORPRIVATEKEYTHATMUSTNOTLEAK"

// custom is a certificate that was uploaded to an app.
type custom struct {
	key, cert string
	caCerts   *string          // null if there are none
	pair      *tls.Certificate // nil for one that is valid for each listed name
}

func (s *Simulator) viewSSL(a *app) any {
	if !a.auto && a.custom == nil {
		return nil
	}
	view := map[string]any{"auto": a.auto, "force": a.force}
	if a.custom != nil {
		view["key"], view["cert"], view["cacerts"] = a.custom.key, a.custom.cert, a.custom.caCerts
	} else {
		view["key"], view["cert"], view["cacerts"] = markedKey, string(s.authority.pem), nil
	}
	return view
}

// markedKey stands for the keys that ServerPilot made.
const markedKey = "-----BEGIN PRIVATE KEY-----\n" + PrivateKeyMark + "\n-----END PRIVATE KEY-----\n"

// writeSSL turns AutoSSL on, turns the redirect to HTTPS on or off, or installs a custom
// certificate. Each takes a call of its own.
func (s *Simulator) writeSSL(x *exchange) response {
	upload := x.given.has("key") || x.given.has("cert") || x.given.has("cacerts")
	auto, force := x.given.has("auto"), x.given.has("force")
	switch {
	case upload && (auto || force), auto && force:
		return s.badRequest(invalid("force", "a certificate, auto and force need separate calls"))
	case upload:
		return s.installCertificate(x)
	case auto:
		return s.enableAutoSSL(x)
	}
	return s.setForceSSL(x)
}

func (s *Simulator) enableAutoSSL(x *exchange) response {
	var on bool
	if err := optional(x.given, "auto", &on); err != nil || !on {
		return s.badRequest(argumentError{argument: "auto"}) // AutoSSL is turned off by DELETE
	}
	switch {
	case x.app.custom != nil:
		return errorResponse(http.StatusConflict, "A custom certificate is installed.")
	case len(s.covered(x.app)) == 0:
		return errorResponse(http.StatusBadRequest, "No AutoSSL certificate is available for this app.")
	}
	changed := !x.app.auto
	x.app.auto = true
	return s.answerSSL(x.app, s.viewSSL(x.app), changed)
}

func (s *Simulator) setForceSSL(x *exchange) response {
	var on bool
	if err := optional(x.given, "force", &on); err != nil {
		return s.badRequest(err)
	}
	if on && !x.app.auto && x.app.custom == nil {
		return errorResponse(http.StatusBadRequest, "SSL is not enabled for this app.")
	}
	changed := on != x.app.force
	x.app.force = on
	return s.answerSSL(x.app, s.viewSSL(x.app), changed)
}

// installCertificate installs a custom certificate, in place of one that is there.
func (s *Simulator) installCertificate(x *exchange) response {
	given := &custom{}
	if err := cmp.Or(
		required(x.given, "key", &given.key),
		required(x.given, "cert", &given.cert),
		requiredOrNull(x.given, "cacerts", &given.caCerts),
	); err != nil {
		return s.badRequest(err)
	}
	chain := given.cert
	if given.caCerts != nil {
		chain += "\n" + *given.caCerts
	}
	pair, err := tls.X509KeyPair([]byte(chain), []byte(given.key))
	if err != nil {
		return s.badRequest(invalid("cert", "the certificate doesn't go with the key: %v", err))
	}
	if x.app.auto {
		return errorResponse(http.StatusConflict, "AutoSSL is enabled for this app.")
	}
	given.pair = &pair
	x.app.custom = given
	return s.answerSSL(x.app, map[string]any{"key": given.key, "cert": given.cert, "cacerts": given.caCerts}, true)
}

// deleteSSL removes a custom certificate, or turns AutoSSL off; and the redirect with it.
func (s *Simulator) deleteSSL(x *exchange) response {
	a := x.app
	changed := a.auto || a.custom != nil
	a.auto, a.custom, a.force = false, nil, false
	return s.answerSSL(a, map[string]any{}, changed)
}

// answerSSL is the answer to a write of SSL settings.
func (s *Simulator) answerSSL(a *app, data any, changed bool) response {
	if !changed {
		return response{data: data}
	}
	return s.answerWithFailingAction(a.serverID, data, max(s.faults.ActionError, s.faults.SSLActionError))
}
