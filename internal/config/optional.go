package config

// ParseOptional is Parse for a command that can do without an account: if the settings name
// none, there is none.
func (s WorkerSettings) ParseOptional(read ReadFile) (Worker, error) {
	if s.AccountSettings.given() {
		return s.Parse(read)
	}
	// Parse refuses settings without an account, so it gets placeholders.
	s.ClientID, s.APIKey, s.AppID = "none", "none", "none"
	set, err := s.Parse(read)
	set.Accounts = nil
	return set, err
}
