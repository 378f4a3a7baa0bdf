package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"pilotsync/internal/keytext"
	"pilotsync/internal/strictyaml"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

// accountsYAML is the form of PILOTSYNC_CONFIG.
type accountsYAML struct {
	Accounts []accountEntry `yaml:"accounts" takes:"a list of accounts such as - {client_id: cid_one, api_key_file: /run/secrets/one, apps: [appA, appB]}"`
	// Webhooks are those of apps that don't use PILOTSYNC_WEBHOOK_URL, by app.
	Webhooks map[string]webhookEntry `yaml:"webhooks" takes:"webhooks by app, such as appA: {url: https://example.com/hook, secret_file: /run/secrets/hook}"`
	// Proxies are known besides those of PILOTSYNC_PROXIES: networks by provider.
	Proxies map[string][]string `yaml:"proxies" takes:"networks by provider, such as Fastly: [151.101.0.0/16, 2a04:4e40::/32]"`
	// Expected are those of apps that don't use PILOTSYNC_EXPECTED_ADDRESSES, by app.
	Expected map[string]string `yaml:"expected_addresses" takes:"addresses by app, such as appA: \"198.51.100.4, 2001:db8::/32\""`
	// AutoSSL is on or off for apps that don't use PILOTSYNC_AUTOSSL.
	AutoSSL map[string]string `yaml:"autossl" takes:"on or off by app, such as appA: off"`
}

type accountEntry struct {
	ClientID   string   `yaml:"client_id" takes:"the client id of an account"`
	APIKey     string   `yaml:"api_key" takes:"the API key of the account"`
	APIKeyFile string   `yaml:"api_key_file" takes:"a path such as /run/secrets/one"` // see keyFolders.find
	Apps       []string `yaml:"apps" takes:"a list of app ids such as [appA, appB]"`

	line int
}

// UnmarshalYAML records the line as well.
func (a *accountEntry) UnmarshalYAML(n *yaml.Node) error {
	type plain accountEntry
	a.line = n.Line
	return n.Decode((*plain)(a))
}

type webhookEntry struct {
	URL        string `yaml:"url" takes:"a URL such as https://example.com/hook"`
	Secret     string `yaml:"secret" takes:"one or several secrets with spaces between them, such as whsec_…"`
	SecretFile string `yaml:"secret_file" takes:"a path such as /run/secrets/hook"` // see keyFolders.find

	line int
}

// UnmarshalYAML records the line as well.
func (h *webhookEntry) UnmarshalYAML(n *yaml.Node) error {
	type plain webhookEntry
	h.line = n.Line
	return n.Decode((*plain)(h))
}

// accountsFile has the values of PILOTSYNC_CONFIG.
type accountsFile struct {
	accounts []Account
	webhooks map[string]Webhook
	proxies  []certcheck.Proxy
	expected map[string]certcheck.Expected
	autoSSL  map[string]bool
	keyFiles []string // that hold keys or secrets
}

// accounts reads a PILOTSYNC_CONFIG; its error names all mistakes in one line.
func (read ReadFile) accounts(path string, keys keyFolders) (accountsFile, error) {
	content, err := read(path)
	if err != nil {
		return accountsFile{}, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	var parsed accountsYAML
	if err := strictyaml.Decode(content, &parsed); err != nil {
		return accountsFile{}, err
	}
	if len(parsed.Accounts) == 0 {
		return accountsFile{}, errors.New("the file has no accounts; it takes accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]")
	}
	b := fileBuilder{read: read, keys: keys, apps: map[string]bool{}, file: accountsFile{webhooks: map[string]Webhook{}, expected: map[string]certcheck.Expected{}, autoSSL: map[string]bool{}}}
	for i, entry := range parsed.Accounts {
		b.addAccount(i+1, entry)
	}
	if err := checkUnique(b.file.accounts); err != nil {
		b.problems = append(b.problems, err.Error())
	}
	for _, app := range slices.Sorted(maps.Keys(parsed.Webhooks)) {
		b.addWebhook(app, parsed.Webhooks[app])
	}
	for _, app := range slices.Sorted(maps.Keys(parsed.Expected)) {
		b.file.expected[app] = appSetting(&b, "expected_addresses", app, parsed.Expected[app], parseExpected)
	}
	for _, app := range slices.Sorted(maps.Keys(parsed.AutoSSL)) {
		b.file.autoSSL[app] = appSetting(&b, "autossl", app, parsed.AutoSSL[app], parseToggle)
	}
	for _, name := range slices.Sorted(maps.Keys(parsed.Proxies)) {
		proxy, err := parseProxy(name, strings.Join(parsed.Proxies[name], ","))
		if err != nil {
			b.problems = append(b.problems, "in proxies, "+err.Error())
		}
		b.file.proxies = append(b.file.proxies, proxy)
	}
	if b.problems != nil {
		return accountsFile{}, errors.New(strings.Join(b.problems, "; "))
	}
	if b.inline {
		b.file.keyFiles = append(b.file.keyFiles, path)
	}
	return b.file, nil
}

// fileBuilder builds an accountsFile and collects mistakes.
type fileBuilder struct {
	read     ReadFile
	keys     keyFolders
	file     accountsFile
	apps     map[string]bool // of all accounts
	inline   bool            // the YAML file itself holds a key or secret
	problems []string
}

func (b *fileBuilder) addAccount(number int, entry accountEntry) {
	check := func(field string, err error) {
		if err != nil {
			b.problems = append(b.problems, fmt.Sprintf("%s%s of account %d %v", atLine(entry.line), field, number, err))
		}
	}
	id, err := keytext.Clean(entry.ClientID, keytext.Word)
	check("client_id", cmp.Or(err, checkClientID(id)))
	key, field, err := b.apiKey(entry)
	check(field, err)
	if len(entry.Apps) == 0 {
		check("apps", errors.New("is not set; it takes the ids of one or more apps"))
	}
	for _, app := range entry.Apps {
		b.apps[app] = true
		if err := tasks.CheckAppID(app); err != nil {
			check("apps", fmt.Errorf("is wrong: %w", err))
		}
	}
	b.file.accounts = append(b.file.accounts, Account{ClientID: id, APIKey: key, Apps: entry.Apps})
}

// apiKey returns an account's key; an error is about field.
func (b *fileBuilder) apiKey(entry accountEntry) (key, field string, err error) {
	path := b.keys.find(entry.APIKeyFile)
	switch {
	case entry.APIKey != "" && path != "":
		return "", "api_key", errors.New("and its api_key_file are both set; it takes one of them")
	case path != "":
		b.file.keyFiles = append(b.file.keyFiles, path)
		if key, err = b.read.Text(path, keytext.Word); err != nil {
			return "", "api_key_file", fmt.Errorf("is %q; %w", path, err)
		}
		return key, "api_key_file", checkAPIKey(key)
	}
	b.inline = b.inline || entry.APIKey != ""
	key, err = keytext.Clean(entry.APIKey, keytext.Word)
	return key, "api_key", cmp.Or(err, checkAPIKey(key))
}

func (b *fileBuilder) addWebhook(app string, entry webhookEntry) {
	hook, err := b.webhook(entry)
	if !b.apps[app] {
		err = errUnknownApp
	}
	if err != nil {
		b.problems = append(b.problems, fmt.Sprintf("%sthe webhook of %q %v", atLine(entry.line), app, err))
	}
	b.inline = b.inline || entry.Secret != ""
	if entry.SecretFile != "" {
		b.file.keyFiles = append(b.file.keyFiles, b.keys.find(entry.SecretFile))
	}
	b.file.webhooks[app] = hook
}

var errUnknownApp = errors.New("is for no app of these accounts; it takes one of their apps")

// appSetting reads one app's value of a setting that is given by app.
func appSetting[T any](b *fileBuilder, field, app, value string, parse func(string) (T, error)) T {
	parsed, err := parse(value)
	switch {
	case !b.apps[app]:
		err = errUnknownApp
	case err != nil:
		err = fmt.Errorf("is %q; %w", value, err)
	}
	if err != nil {
		b.problems = append(b.problems, fmt.Sprintf("%s of %q %v", field, app, err))
	}
	return parsed
}

// settings returns the settings of the apps that have some of their own; what an app
// doesn't set it has from the defaults.
func (f accountsFile) settings(defaults certcheck.AppSettings) map[string]certcheck.AppSettings {
	all := map[string]certcheck.AppSettings{}
	for app, expected := range f.expected {
		own := defaults
		own.Expected = expected
		all[app] = own
	}
	for app, on := range f.autoSSL {
		own, has := all[app]
		if !has {
			own = defaults
		}
		own.AutoSSLOff = !on
		all[app] = own
	}
	return all
}

// webhook reads an entry of webhooks. Its errors don't show the secret.
func (b *fileBuilder) webhook(entry webhookEntry) (hook Webhook, err error) {
	secrets, path := entry.Secret, b.keys.find(entry.SecretFile)
	switch {
	case entry.URL == "":
		return hook, errors.New("has no url; it takes url, and secret or secret_file")
	case secrets != "" && path != "":
		return hook, errors.New("has both secret and secret_file; it takes one of them")
	case path != "":
		if secrets, err = b.read.Text(path, keytext.List); err != nil {
			return hook, fmt.Errorf("has the secret_file %q; %w", path, err)
		}
	case secrets == "":
		return hook, errors.New("has no secret; " + secretForm)
	default:
		if secrets, err = keytext.Clean(secrets, keytext.List); err != nil {
			return hook, fmt.Errorf("has a secret that %w", err)
		}
	}
	if hook.URL, err = parseWebhookURL(entry.URL); err != nil {
		return hook, fmt.Errorf("has a wrong url; %w", err)
	}
	hook.Secrets, hook.Keys, err = parseSecrets(secrets)
	return hook, err
}

// atLine returns the beginning of an error; an entry that is null has no line.
func atLine(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", line)
}

// keyFolders are the directories to which paths of keys and secrets are relative.
type keyFolders struct {
	beside      string // the accounts file's own, for relative paths
	credentials string // that of the systemd unit's credentials; empty outside of a unit
}

// inCredentials is the prefix of a path in a unit's credentials. Their directory contains the
// instance's name, but several workers share one accounts file.
const inCredentials = "$CREDENTIALS_DIRECTORY/"

// find returns the absolute path for a path of the accounts file. Without a credentials
// directory, a path in it stays as it is, so the error shows it.
func (k keyFolders) find(path string) string {
	name, credential := strings.CutPrefix(path, inCredentials)
	switch {
	case credential && k.credentials != "":
		return filepath.Join(k.credentials, name)
	case path == "", credential, filepath.IsAbs(path):
		return path
	}
	return filepath.Join(k.beside, path)
}
