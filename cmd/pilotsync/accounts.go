package main

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
	"pilotsync/worker"
)

// accounts are the ServerPilot accounts of the settings: those of the file, if
// there is one, or else the one of the three variables. Only the file can hold
// webhooks, by app.
func (s accountSettings) accounts(w *wrong, read readFile) ([]worker.Account, map[string]worker.Webhook) {
	if s.Config != "" {
		file := take(w, "PILOTSYNC_CONFIG", s.Config, func(path string) (accountsConfig, error) {
			return read.accounts(path, s.keys())
		})
		w.keyFiles = append(w.keyFiles, file.keyFiles...)
		return file.accounts, file.webhooks
	}
	account := worker.Account{}
	if id, ok := read.either(w, "WU_SERVER_PILOT_CLIENT_ID", s.ClientID, s.ClientIDFile); ok {
		if err := checkClientID(id); err != nil {
			w.say("WU_SERVER_PILOT_CLIENT_ID", err.Error())
		}
		account.ClientID = id
	}
	if key, ok := read.either(w, "WU_SERVER_PILOT_API_KEY", s.APIKey, s.APIKeyFile); ok {
		if err := checkAPIKey(key); err != nil {
			w.say("WU_SERVER_PILOT_API_KEY", err.Error())
		}
		account.APIKey = key
	}
	if apps, ok := read.either(w, "WU_SERVER_PILOT_APP_ID", s.AppID, s.AppIDFile); ok {
		account.Apps = take(w, "WU_SERVER_PILOT_APP_ID", apps, parseAppIDs)
	}
	accounts := []worker.Account{account}
	if err := checkEachOnce(accounts); err != nil {
		w.say("WU_SERVER_PILOT_APP_ID", "is wrong: "+err.Error())
	}
	return accounts, nil
}

// accountsFile is the form of PILOTSYNC_CONFIG.
type accountsFile struct {
	Accounts []accountEntry `yaml:"accounts" takes:"a list of accounts such as - {client_id: cid_one, api_key_file: /run/secrets/one, apps: [appA, appB]}"`
	// Webhooks are by app: those that have another than PILOTSYNC_WEBHOOK_URL.
	Webhooks map[string]webhookEntry `yaml:"webhooks" takes:"webhooks by app, such as appA: {url: https://example.com/hook, secret_file: /run/secrets/hook}"`
}

type accountEntry struct {
	ClientID   string   `yaml:"client_id" takes:"the client id of an account"`
	APIKey     string   `yaml:"api_key" takes:"the API key of the account"`
	APIKeyFile string   `yaml:"api_key_file" takes:"a path such as /run/secrets/one"` // as keyFolders.find takes it
	Apps       []string `yaml:"apps" takes:"a list of app ids such as [appA, appB]"`

	line int
}

// UnmarshalYAML notes the line as well.
func (a *accountEntry) UnmarshalYAML(n *yaml.Node) error {
	type plain accountEntry
	if err := n.Decode((*plain)(a)); err != nil {
		return err
	}
	a.line = n.Line
	return nil
}

type webhookEntry struct {
	URL        string `yaml:"url" takes:"a URL such as https://example.com/hook"`
	Secret     string `yaml:"secret" takes:"one or several secrets with spaces between them, such as whsec_…"`
	SecretFile string `yaml:"secret_file" takes:"a path such as /run/secrets/hook"` // as keyFolders.find takes it

	line int
}

// UnmarshalYAML notes the line as well.
func (h *webhookEntry) UnmarshalYAML(n *yaml.Node) error {
	type plain webhookEntry
	if err := n.Decode((*plain)(h)); err != nil {
		return err
	}
	h.line = n.Line
	return nil
}

// accountsConfig is what an accountsFile comes to.
type accountsConfig struct {
	accounts []worker.Account
	webhooks map[string]worker.Webhook
	keyFiles []string // that hold keys or secrets
}

// accounts reads a PILOTSYNC_CONFIG; its error tells all that is wrong in one line.
func (read readFile) accounts(file string, keys keyFolders) (accountsConfig, error) {
	content, err := read(file)
	if err != nil {
		return accountsConfig{}, fmt.Errorf("it takes a file that can be read: %w", err)
	}
	var parsed accountsFile
	if err := strictyaml.Decode(content, &parsed); err != nil {
		return accountsConfig{}, err
	}
	if len(parsed.Accounts) == 0 {
		return accountsConfig{}, errors.New("the file has no accounts; it takes accounts: [{client_id, api_key or api_key_file, apps: [id, …]}]")
	}
	var wrong []string
	config := accountsConfig{webhooks: map[string]worker.Webhook{}}
	inline := false // a key or secret is in the file itself
	for i, a := range parsed.Accounts {
		say := func(field string, err error) {
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s%s of account %d %v", atLine(a.line), field, i+1, err))
			}
		}
		key, path := a.APIKey, keys.find(a.APIKeyFile)
		id, err := keytext.Clean(a.ClientID, keytext.Word)
		say("client_id", cmp.Or(err, checkClientID(id)))
		switch {
		case key != "" && path != "":
			say("api_key", errors.New("and its api_key_file are both set; it takes one of them"))
		case path != "":
			config.keyFiles = append(config.keyFiles, path)
			if key, err = read.text(path, keytext.Word); err != nil {
				say("api_key_file", fmt.Errorf("is %q; %w", path, err))
				break
			}
			say("api_key_file", checkAPIKey(key))
		default:
			inline = inline || key != ""
			key, err = keytext.Clean(key, keytext.Word)
			say("api_key", cmp.Or(err, checkAPIKey(key)))
		}
		if len(a.Apps) == 0 {
			say("apps", errors.New("is not set; it takes the ids of one or more apps"))
		}
		for _, app := range a.Apps {
			if err := tasks.CheckAppID(app); err != nil {
				say("apps", fmt.Errorf("is wrong: %w", err))
			}
		}
		config.accounts = append(config.accounts, worker.Account{ClientID: id, APIKey: key, Apps: a.Apps})
	}
	if err := checkEachOnce(config.accounts); err != nil {
		wrong = append(wrong, err.Error())
	}
	for _, app := range slices.Sorted(maps.Keys(parsed.Webhooks)) {
		entry := parsed.Webhooks[app]
		hook, err := read.webhook(entry, keys)
		if !slices.ContainsFunc(config.accounts, func(a worker.Account) bool { return slices.Contains(a.Apps, app) }) {
			err = errors.New("is for no app of these accounts; it takes one of their apps")
		}
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%sthe webhook of %q %v", atLine(entry.line), app, err))
		}
		inline = inline || entry.Secret != ""
		if entry.SecretFile != "" {
			config.keyFiles = append(config.keyFiles, keys.find(entry.SecretFile))
		}
		config.webhooks[app] = hook
	}
	if wrong != nil {
		return accountsConfig{}, errors.New(strings.Join(wrong, "; "))
	}
	if inline {
		config.keyFiles = append(config.keyFiles, file)
	}
	return config, nil
}

// atLine is the beginning of an error; an entry that is null has no line.
func atLine(line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", line)
}

// webhook reads an entry of webhooks. Its errors don't show the secret.
func (read readFile) webhook(entry webhookEntry, keys keyFolders) (hook worker.Webhook, err error) {
	secrets, path := entry.Secret, keys.find(entry.SecretFile)
	switch {
	case entry.URL == "":
		return hook, errors.New("has no url; it takes url, and secret or secret_file")
	case secrets != "" && path != "":
		return hook, errors.New("has both secret and secret_file; it takes one of them")
	case path != "":
		if secrets, err = read.text(path, keytext.List); err != nil {
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
	if hook.Secrets, err = parseSecrets(secrets); err != nil {
		return hook, err
	}
	return hook, nil
}

// keyFolders are where the accounts file's paths of keys and secrets begin.
type keyFolders struct {
	beside      string // the accounts file, for relative paths
	credentials string // of the systemd unit, empty outside of one
}

// inCredentials begins a path in a unit's credentials. Their folder has the
// instance's name in it, but several workers share one accounts file.
const inCredentials = "$CREDENTIALS_DIRECTORY/"

// find returns where the file is that a path of the accounts file means. Without
// a folder for credentials a path in it stays as it is, for the error to show.
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

// checkEachOnce refuses an app that is listed twice, since two accounts would write
// its list with different keys, and two keys of one account, which has one.
func checkEachOnce(accounts []worker.Account) error {
	owner, first := map[string]string{}, map[string]int{}
	for i, a := range accounts {
		if other, again := first[a.ClientID]; again && accounts[other].APIKey != a.APIKey {
			return fmt.Errorf("client_id %s is given twice (accounts %d and %d) with different keys; it takes the one active key of an account", a.ClientID, other+1, i+1)
		} else if !again {
			first[a.ClientID] = i
		}
		for _, app := range a.Apps {
			if other, twice := owner[app]; twice {
				return fmt.Errorf("app %s is given twice (accounts %s and %s); it takes each app once", app, other, a.ClientID)
			}
			owner[app] = a.ClientID
		}
	}
	return nil
}

// checkClientID shows no value: with a colon in it, it may be ID:KEY.
func checkClientID(id string) error {
	switch {
	case id == "":
		return errors.New("is not set; it takes the client id of a ServerPilot account")
	case strings.Contains(id, ":"):
		return errors.New("holds a colon; it takes the client id alone, without the key")
	}
	return nil
}

func checkAPIKey(key string) error {
	if key == "" {
		return errors.New("is not set; it takes the API key of the account")
	}
	if name, _, ok := strings.Cut(key, "="); ok && strings.HasPrefix(name, "WU_SERVER_PILOT_") {
		return fmt.Errorf("begins with %s=; it takes the key alone", name)
	}
	return nil
}
