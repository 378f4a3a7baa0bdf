package engine

import (
	"strings"
)

// theTrial follows README.md, without any setting.
func theTrial(e *engine) {
	const heading, options = "Try it without ServerPilot", "--env-file deployments/compose/try.env "
	p := newProject(e, "trial", options)
	p.asDocumented(heading, "up -d")
	p.awaitUp()
	if out := p.asDocumented(heading, "enqueue add"); !strings.Contains(out, "Done") {
		e.t.Errorf("it ends with:\n%s", out)
	}
	for _, service := range []string{"simulator", "try-worker", "redis"} {
		p.crash(service)
		p.compose("exec try-worker /pilotsync enqueue add --app app1 " + service + ".example.com --wait")
	}
	await(e.t, "Prometheus has both targets", func() bool { up, all := targets(e.t); return up == 2 && all == 2 })
	p.aBackupIsPutBack(options)

	p.stop()
	p.start()
	p.asDocumented(heading, "up -d")
	p.awaitUp()
	p.awaitState("try-worker", "app1", "shop.example.com", "done")
	p.compose("exec try-worker /pilotsync enqueue add --app app1 restarted.example.com --wait")
	p.asDocumented(heading, "down --volumes")
	p.requireRemoved("pilotsync-try")
}

// aBackupIsPutBack follows README.md, with the trial's worker.
func (p *project) aBackupIsPutBack(options string) {
	p.t.Helper()
	replace := []string{"docker compose ", "docker compose " + options, "worker ", "try-worker ", "your-app-id", "app1", "admin:…", "admin:" + p.passwords().admin}
	p.asDocumented(backupHeading, "--rdb", replace...)
	p.asDocumented(backupHeading, "cp redis:", replace...)
	restore := p.documented(backupHeading, "restore", replace...)
	if out, err := p.try(p.folder, restore); err == nil || !strings.Contains(out, "stop it first") {
		p.t.Errorf("while Redis runs (%v):\n%s", err, out)
	}
	p.compose("exec try-worker /pilotsync enqueue add --app app1 later.example.com --wait")
	before := p.states("try-worker", "app1")
	p.asDocumented(backupHeading, "stop worker", replace...)
	p.run(p.folder, "head -c 300 dump.rdb >cut.rdb")
	if out, err := p.try(p.folder, strings.Replace(restore, "dump.rdb", "cut.rdb", 1)); err == nil || !strings.Contains(out, "no whole snapshot") {
		p.t.Errorf("with half a copy (%v):\n%s", err, out)
	}
	p.run(p.folder, restore)
	p.asDocumented(backupHeading, "up -d redis", replace...)
	p.asDocumented(backupHeading, "reconcile", replace...)
	p.asDocumented(backupHeading, "docker compose up -d", replace...)
	p.awaitUp()
	after := p.states("try-worker", "app1")
	if _, there := after["later.example.com"]; there || len(after) != len(before)-1 {
		p.t.Errorf("before there were %v, after it was put back %v", before, after)
	}
	// Later changes stay, through a restart, too.
	p.compose("exec try-worker /pilotsync enqueue add --app app1 later.example.com --wait")
	p.compose("restart redis")
	p.awaitUp()
	p.awaitState("try-worker", "app1", "later.example.com", "done")
}
