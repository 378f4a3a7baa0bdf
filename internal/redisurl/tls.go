package redisurl

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"pilotsync/internal/safefile"
)

// identity is the TLS part of a URL: the trusted authorities and the client's certificate.
// Paths are relative to the process's working directory.
type identity struct {
	ca        string // PEM file of trusted authorities, instead of the system's
	cert, key string // PEM files of the client's certificate, with its chain, and of its key
}

// tlsScheme removes the second s of a scheme with TLS: rediss-cluster becomes redis-cluster.
func tlsScheme(scheme string) (plain string, secure bool) {
	if rest, ok := strings.CutPrefix(scheme, "rediss"); ok && (rest == "" || rest[0] == '-') {
		return "redis" + rest, true
	}
	return scheme, false
}

// takeIdentity removes the options about TLS, which go-redis doesn't know, from a URL's
// query.
func takeIdentity(query url.Values, secure bool) (identity, error) {
	var id identity
	for _, option := range []struct {
		name string
		file *string
	}{{"ca_file", &id.ca}, {"cert_file", &id.cert}, {"key_file", &id.key}} {
		values, given := query[option.name]
		query.Del(option.name)
		switch {
		case !given:
			continue
		case !secure:
			return identity{}, fmt.Errorf("%s is given; that is for TLS, which the schemes rediss, rediss-sentinel and rediss-cluster ask for", option.name)
		case len(values) != 1 || values[0] == "":
			return identity{}, fmt.Errorf("%s is given empty or %d times; it takes the path of one PEM file", option.name, len(values))
		}
		*option.file = values[0]
	}
	if (id.cert == "") != (id.key == "") {
		return identity{}, errors.New("one of cert_file and key_file is missing; a client's certificate needs both")
	}
	return id, nil
}

// config reads the files. Each server must have a certificate for the host that is dialled:
// for Sentinel and Cluster that is the announced host, not the URL's.
func (id identity) config(skipVerify bool) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: skipVerify}
	if id.ca != "" {
		pem, err := safefile.Read(id.ca)
		if err != nil {
			return nil, fmt.Errorf("ca_file takes a file that can be read: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file is %q; it takes certificates as PEM, and there is none", id.ca)
		}
	}
	if id.cert == "" {
		return cfg, nil
	}
	first, err := id.load()
	if err != nil {
		return nil, err
	}
	// Redis would close the connection without an explanation.
	if end := first.Leaf.NotAfter; time.Now().After(end) {
		return nil, fmt.Errorf("cert_file is %q; it takes a certificate that is valid, and this one ended on %s", id.cert, end.UTC().Format(time.RFC3339))
	}
	// Read again for each connection: short-lived certificates are renewed while a worker
	// runs. While the two files are replaced, the certificate doesn't match its key.
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if now, err := id.load(); err == nil {
			return now, nil
		}
		return first, nil
	}
	return cfg, nil
}

func (id identity) load() (*tls.Certificate, error) {
	pair, err := readPair(id.cert, id.key)
	if err != nil {
		return nil, fmt.Errorf("cert_file and key_file take a certificate and its key as PEM files that can be read: %w", err)
	}
	return &pair, nil
}

// readPair is [tls.LoadX509KeyPair] with bounded files. Its errors hold a path, never a key.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := safefile.Read(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := safefile.Read(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
