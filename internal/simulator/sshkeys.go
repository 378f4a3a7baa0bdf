package simulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

// sshKey is the state of an SSH key, which belongs to an account.
type sshKey struct {
	id, name, publicKey, fingerprint string
	owner                            string // the client id that added it
	created                          time.Time
}

func viewSSHKey(k *sshKey) map[string]any {
	return map[string]any{
		"id": k.id, "name": k.name, "sha256_fingerprint": k.fingerprint, "public_key": k.publicKey, "datecreated": k.created.Unix(),
	}
}

// visibleSSHKey returns an SSH key of an account, or nil.
func (s *Simulator) visibleSSHKey(a *Account, id string) *sshKey {
	if k := s.sshKeys.get(id); k != nil && (a.hasAll() || k.owner == a.ClientID) {
		return k
	}
	return nil
}

// holders returns the system users that have an SSH key.
func (s *Simulator) holders(k *sshKey) []map[string]any {
	return s.sysUsers.views(func(u *sysUser) map[string]any {
		if !slices.Contains(u.keys, k.id) {
			return nil
		}
		view := viewSysUser(u)
		view["datecreated"] = u.created.Unix() // in this call's answer only
		return view
	})
}

// requiredPublicKey reads a public key, "TYPE BASE64 COMMENT", and returns its fingerprint as
// ssh-keygen shows it.
func requiredPublicKey(a arguments, publicKey, fingerprint *string) error {
	if err := required(a, "public_key", publicKey); err != nil {
		return err
	}
	parts := strings.Fields(*publicKey)
	if len(parts) < 2 || parts[0] != "ssh-rsa" && parts[0] != "ssh-ed25519" {
		return invalid("public_key", "public_key must be of the type ssh-rsa or ssh-ed25519")
	}
	key, err := base64.StdEncoding.DecodeString(parts[1])
	if err != nil {
		return invalid("public_key", "public_key has no key in base64")
	}
	sum := sha256.Sum256(key)
	*fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	return nil
}

func (s *Simulator) listSSHKeys(x *exchange) response {
	return response{data: s.sshKeys.views(func(k *sshKey) map[string]any {
		if s.visibleSSHKey(x.account, k.id) == nil {
			return nil
		}
		return viewSSHKey(k)
	})}
}

func (s *Simulator) createSSHKey(x *exchange) response {
	k := &sshKey{id: newID(), owner: x.account.ClientID, created: time.Now()}
	if err := cmp.Or(
		requiredText(x.given, "name", &k.name, sshKeyName),
		requiredPublicKey(x.given, &k.publicKey, &k.fingerprint),
	); err != nil {
		return s.badRequest(err)
	}
	own := 0
	for other := range s.sshKeys.all() {
		if other.owner != k.owner {
			continue
		}
		if own++; other.fingerprint == k.fingerprint {
			return errorResponse(http.StatusConflict, "The account has this SSH key, as %q.", other.name)
		}
	}
	if own >= maxSSHKeys {
		return s.tooMany(maxSSHKeys, "SSH keys on an account")
	}
	s.sshKeys.add(k.id, k)
	return response{data: viewSSHKey(k)}
}

// ofSSHKey answers a call for an SSH key of the account.
func (s *Simulator) ofSSHKey(x *exchange, respond func(*sshKey) response) response {
	k := s.visibleSSHKey(x.account, x.id)
	if k == nil {
		return notFound("SSH key", x.id)
	}
	return respond(k)
}

func (s *Simulator) readSSHKey(x *exchange) response {
	return s.ofSSHKey(x, func(k *sshKey) response {
		view := viewSSHKey(k)
		view["sysusers"] = s.holders(k)
		return response{data: view}
	})
}

func (s *Simulator) renameSSHKey(x *exchange) response {
	return s.ofSSHKey(x, func(k *sshKey) response {
		name := ""
		if err := requiredText(x.given, "name", &name, sshKeyName); err != nil {
			return s.badRequest(err)
		}
		k.name = name
		return response{data: viewSSHKey(k)}
	})
}

// deleteSSHKey: a key in use is protected. The documentation doesn't have the status.
func (s *Simulator) deleteSSHKey(x *exchange) response {
	return s.ofSSHKey(x, func(k *sshKey) response {
		if len(s.holders(k)) > 0 {
			return errorResponse(http.StatusForbidden, "A system user has the SSH key %q.", k.name)
		}
		s.sshKeys.remove(k.id)
		return response{data: map[string]any{}}
	})
}
