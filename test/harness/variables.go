package harness

import "maps"

// Variables are an environment.
type Variables map[string]string

// Lookup has the form of os.LookupEnv.
func (v Variables) Lookup(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// Environ has the form of os.Environ.
func (v Variables) Environ() (all []string) {
	for name, value := range v {
		all = append(all, name+"="+value)
	}
	return all
}

// With returns v changed by others.
func (v Variables) With(others Variables) Variables {
	all := maps.Clone(v)
	maps.Copy(all, others)
	return all
}

// Secret is a word in the secrets of tests; it must turn up nowhere.
const Secret = "hunter2"

// Account are the settings without which no worker starts.
func Account() Variables {
	return Variables{"WU_SERVER_PILOT_CLIENT_ID": "cid", "WU_SERVER_PILOT_API_KEY": "key-" + Secret, "WU_SERVER_PILOT_APP_ID": "app1"}
}

// UserFile is a PILOTSYNC_AUTH: viewer and actor, both with the password "password".
const UserFile = "viewer:$2y$04$1vHlWrZImz6Pikh.9t.GuO1ocJv7lE06YEiVAtBd6OktJci6KpPI6\nactor:$2y$04$1vHlWrZImz6Pikh.9t.GuO1ocJv7lE06YEiVAtBd6OktJci6KpPI6:act\n"
