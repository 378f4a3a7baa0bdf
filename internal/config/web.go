package config

// Web has the values of a dashboard without a worker.
type Web struct {
	Redis     Redis
	Dashboard Dashboard
	Log       Log
	Accounts  []Account // none if the settings name none: then lists aren't shown
	API
	KeyFiles []string // that keys and passwords were read from
}

// Parse returns the values, with a Redis client that isn't connected yet; the caller must close
// it. Its error is an [Error].
func (s WebSettings) Parse(read ReadFile) (Web, error) {
	p := NewParser(read)
	set := Web{Dashboard: s.DashboardSettings.Parse(p), Log: s.LogSettings.Parse(p)}
	if set.Dashboard.Listen == "" && s.Listen != "" && len(p.problems) == 0 {
		p.reject("PILOTSYNC_LISTEN", s.Listen, "without a dashboard there is nothing to serve; it takes host:port, such as 127.0.0.1:8080")
	}
	set.API = s.APISettings.Parse(p)
	if s.given() {
		set.Accounts = s.AccountSettings.Parse(p)
	}
	set.Redis = s.RedisSettings.Parse(p)
	set.KeyFiles = p.keyFiles
	if err := p.Err(); err != nil {
		set.Redis.Close()
		return Web{}, err
	}
	return set, nil
}
