package config

import (
	"slices"
	"strings"
	"testing"
)

// variables are those of all settings.
func variables() (all []string) {
	for _, s := range Settings() {
		all = append(all, s.Variable)
	}
	all = append(all, "CREDENTIALS_DIRECTORY") // hidden
	slices.Sort(all)
	return all
}

func TestAnUnknownSettingIsRefusedWithTheNearestOne(t *testing.T) {
	t.Parallel()
	known := variables()
	for name, want := range map[string]string{
		"PILOTSYNC_DRYRUN":              "PILOTSYNC_DRY_RUN",
		"PILOTSYNC_DRY_RUNS":            "PILOTSYNC_DRY_RUN",
		"pilotsync_dry_run":             "PILOTSYNC_DRY_RUN",
		"PILOTSYNC_DNS_SERVER":          "PILOTSYNC_DNS",
		"PILOTSYNC_SSL_DELAY":           "PILOTSYNC_SSL_DELAYS",
		"PILOTSYNC_WEBHOOK_SECRETS":     "PILOTSYNC_WEBHOOK_SECRET",
		"PILOTSYNC_WEBHOOK_SECRET_FIEL": "PILOTSYNC_WEBHOOK_SECRET_FILE",
		"PILOTSYNC_API_KEY":             "WU_SERVER_PILOT_API_KEY",
		"PILOTSYNC_REDISURL":            "REDIS_URL",
		"PILOTSYNC_CONFIG_FILE":         "PILOTSYNC_CONFIG",
		"WU_SERVER_PILOT_CLIENTID":      "WU_SERVER_PILOT_CLIENT_ID",
		"WU_SERVER_PILOT_APP_IDS":       "WU_SERVER_PILOT_APP_ID",
		"WU_SERVER_PILOT_KEY":           "WU_SERVER_PILOT_API_KEY",
	} {
		err := refuseUnknown([]string{name + "=" + hush}, known)
		if err == nil || !strings.Contains(err.Error(), name+" is not a setting; did you mean "+want+"? ") {
			t.Errorf("%s: %v; want %s", name, err, want)
		} else if strings.Contains(err.Error(), hush) {
			t.Errorf("the value is shown: %v", err)
		}
	}
	err := refuseUnknown([]string{"PILOTSYNC_B=1", "PILOTSYNC_WWWW=never", "HOME=/"}, known)
	if err == nil || !strings.HasPrefix(err.Error(), "2 variables of the environment are not settings:\nPILOTSYNC_B is ") || !strings.Contains(err.Error(), "\nPILOTSYNC_WWWW is not a setting; did you mean PILOTSYNC_WWW?\n") {
		t.Errorf("two at once: %v", err)
	}
}

func TestOtherVariablesAreIgnored(t *testing.T) {
	t.Parallel()
	known := variables()
	for _, environ := range [][]string{
		{"PATH=/bin", "REDIS_URI=x", "SERVERPILOT_KEY=x", "WU_OTHER=x", "PILOTSYNC=x", "DRY_RUN=on"},
		{"PILOTSYNC_DRYRUN="}, // empty counts as unset
		{"PILOTSYNC_REDIS_URL=x", "PILOTSYNC_DISABLED=1", "PILOTSYNC_MAIL_TO=off", "PILOTSYNC_WEBHOOK_SECRET=x"}, // WordPress's
		{"PILOTSYNC_PAGE_SERVICE_HOST=10.0.0.1", "PILOTSYNC_PAGE_SERVICE_PORT=80", "PILOTSYNC_PAGE_SERVICE_PORT_HTTP=80", "PILOTSYNC_PAGE_PORT=tcp://10.0.0.1:80",
			"PILOTSYNC_PAGE_PORT_80_TCP=tcp://10.0.0.1:80", "PILOTSYNC_PAGE_PORT_80_TCP_ADDR=10.0.0.1"},
	} {
		if err := refuseUnknown(environ, known); err != nil {
			t.Errorf("%v: %v", environ, err)
		}
	}
	for _, name := range known {
		if err := refuseUnknown([]string{name + "=x"}, known); err != nil {
			t.Error(err)
		}
	}
	if err := refuseUnknown([]string{"PILOTSYNC_PAGE_PORT=tcp://10.0.0.1:80"}, known); err == nil {
		t.Error("a port without a Service is let alone")
	}
}
