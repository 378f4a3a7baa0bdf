package simulator

import (
	"net/http"
	"strings"
)

// Call is a kind of API call. Its name begins with what it does; list and read don't write.
type Call string

// The API's calls.
const (
	ListServers  Call = "list-servers"  // GET /servers
	CreateServer Call = "create-server" // POST /servers
	ReadServer   Call = "read-server"   // GET /servers/:id
	UpdateServer Call = "update-server" // POST /servers/:id
	DeleteServer Call = "delete-server" // DELETE /servers/:id

	ListSSHKeys  Call = "list-ssh-keys"  // GET /sshkeys
	CreateSSHKey Call = "create-ssh-key" // POST /sshkeys
	ReadSSHKey   Call = "read-ssh-key"   // GET /sshkeys/:id
	RenameSSHKey Call = "rename-ssh-key" // POST /sshkeys/:id
	DeleteSSHKey Call = "delete-ssh-key" // DELETE /sshkeys/:id

	ListSysUsers      Call = "list-system-users"    // GET /sysusers
	CreateSysUser     Call = "create-system-user"   // POST /sysusers
	ReadSysUser       Call = "read-system-user"     // GET /sysusers/:id
	UpdateSysUser     Call = "update-system-user"   // POST /sysusers/:id
	DeleteSysUser     Call = "delete-system-user"   // DELETE /sysusers/:id
	ListKeysOfUser    Call = "list-keys-of-user"    // GET /sysusers/:id/sshkeys
	AddKeyToUser      Call = "add-key-to-user"      // POST /sysusers/:id/sshkeys
	RemoveKeyFromUser Call = "remove-key-from-user" // DELETE /sysusers/:id/sshkeys/:key

	ListApps  Call = "list-apps"  // GET /apps
	CreateApp Call = "create-app" // POST /apps
	ReadApp   Call = "read-app"   // GET /apps/:id
	WriteList Call = "write-list" // POST /apps/:id, the runtime too
	DeleteApp Call = "delete-app" // DELETE /apps/:id
	WriteSSL  Call = "write-ssl"  // POST /apps/:id/ssl
	DeleteSSL Call = "delete-ssl" // DELETE /apps/:id/ssl

	ListDatabases  Call = "list-databases"  // GET /dbs
	CreateDatabase Call = "create-database" // POST /dbs
	ReadDatabase   Call = "read-database"   // GET /dbs/:id
	UpdateDatabase Call = "update-database" // POST /dbs/:id
	DeleteDatabase Call = "delete-database" // DELETE /dbs/:id

	ReadAction Call = "read-action" // GET /actions/:id
)

func (c Call) writes() bool {
	return !strings.HasPrefix(string(c), "list-") && !strings.HasPrefix(string(c), "read-")
}

func (c Call) isForApp() bool {
	switch c {
	case ReadApp, WriteList, DeleteApp, WriteSSL, DeleteSSL:
		return true
	}
	return false
}

// route says which call a request makes, and how it is answered.
type route struct {
	call    Call
	pattern string // the request's method and path below /v1
	// arguments are the documented fields of the body, with spaces between them.
	arguments string
	// respond lets the call take effect. It is called with the lock held.
	respond func(*Simulator, *exchange) response
}

// routes are all calls of the API, in the documentation's order.
func routes() []route {
	return []route{
		{ListServers, "GET /servers", "", (*Simulator).listServers},
		{CreateServer, "POST /servers", "name plan enable_ssh_password_auth", (*Simulator).createServer},
		{ReadServer, "GET /servers/{id}", "", (*Simulator).readServer},
		{DeleteServer, "DELETE /servers/{id}", "", (*Simulator).deleteServer},
		{UpdateServer, "POST /servers/{id}", "plan firewall autoupdates deny_unknown_domains", (*Simulator).updateServer},

		{ListSSHKeys, "GET /sshkeys", "", (*Simulator).listSSHKeys},
		{CreateSSHKey, "POST /sshkeys", "name public_key", (*Simulator).createSSHKey},
		{ReadSSHKey, "GET /sshkeys/{id}", "", (*Simulator).readSSHKey},
		{RenameSSHKey, "POST /sshkeys/{id}", "name", (*Simulator).renameSSHKey},
		{DeleteSSHKey, "DELETE /sshkeys/{id}", "", (*Simulator).deleteSSHKey},

		{ListSysUsers, "GET /sysusers", "", (*Simulator).listSysUsers},
		{CreateSysUser, "POST /sysusers", "serverid name password sshkey_id", (*Simulator).createSysUser},
		{ReadSysUser, "GET /sysusers/{id}", "", (*Simulator).readSysUser},
		{UpdateSysUser, "POST /sysusers/{id}", "password", (*Simulator).updateSysUser},
		{DeleteSysUser, "DELETE /sysusers/{id}", "", (*Simulator).deleteSysUser},
		{AddKeyToUser, "POST /sysusers/{id}/sshkeys", "sshkey_id", (*Simulator).addKeyToUser},
		{RemoveKeyFromUser, "DELETE /sysusers/{id}/sshkeys/{key}", "", (*Simulator).removeKeyFromUser},
		{ListKeysOfUser, "GET /sysusers/{id}/sshkeys", "", (*Simulator).listKeysOfUser},

		{ListApps, "GET /apps", "", (*Simulator).listApps},
		{CreateApp, "POST /apps", "name sysuserid runtime domains wordpress", (*Simulator).createApp},
		{ReadApp, "GET /apps/{id}", "", (*Simulator).readApp},
		{DeleteApp, "DELETE /apps/{id}", "", (*Simulator).deleteApp},
		{WriteList, "POST /apps/{id}", "runtime domains", (*Simulator).updateApp},
		{WriteSSL, "POST /apps/{id}/ssl", "key cert cacerts auto force", (*Simulator).writeSSL},
		{DeleteSSL, "DELETE /apps/{id}/ssl", "", (*Simulator).deleteSSL},

		{ListDatabases, "GET /dbs", "", (*Simulator).listDatabases},
		{CreateDatabase, "POST /dbs", "appid name user", (*Simulator).createDatabase},
		{ReadDatabase, "GET /dbs/{id}", "", (*Simulator).readDatabase},
		{DeleteDatabase, "DELETE /dbs/{id}", "", (*Simulator).deleteDatabase},
		{UpdateDatabase, "POST /dbs/{id}", "user", (*Simulator).updateDatabase},

		{ReadAction, "GET /actions/{id}", "", (*Simulator).readAction},
	}
}

// handleAPI serves all calls.
func (s *Simulator) handleAPI(mux *http.ServeMux) {
	for _, r := range routes() {
		method, path, _ := strings.Cut(r.pattern, " ")
		mux.Handle(method+" /v1"+path, s.endpoint(r))
	}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		errorResponse(http.StatusNotFound, "There is no %s %s.", r.Method, r.URL.Path).send(w)
	})
}
