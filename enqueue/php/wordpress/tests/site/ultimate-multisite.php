<?php
/**
 * A stand-in for Ultimate Multisite. orders.php loads it.
 *
 * It has the functions, hooks and classes on which pilotsync relies, with the behaviour of the real plugin where it matters.
 * The site option fake_version is its version: 2.3.4 or 2.4.10 with the older layout of host providers, or 2.4.13 with the
 * integration registry.
 *
 * phpcs:disable
 */

namespace {
	global $wpdb;
	$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_domains (id int AUTO_INCREMENT PRIMARY KEY, domain varchar(253), blog_id int, stage varchar(30), secure int, active int, primary_domain int, date_created datetime)' );
	$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_queue (id int AUTO_INCREMENT PRIMARY KEY, hook varchar(100), args text, due int, status varchar(10))' );
	$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_calls (id int AUTO_INCREMENT PRIMARY KEY, call_text varchar(300))' );

	function fake_version( $at_least ) { return version_compare( get_site_option( 'fake_version', '2.3.4' ), $at_least, '>=' ); }

	// Records calls that pilotsync should make unnecessary.
	function fake_call( $text ) {
		global $wpdb;
		$wpdb->insert( 'fake_calls', array( 'call_text' => $text ) );
	}

	class WP_Ultimo_Main {
		public function is_loaded() { return ! is_file( ABSPATH . 'not-set-up' ); }
	}
	function WP_Ultimo() { return new WP_Ultimo_Main(); }

	function wu_get_setting( $name, $default = false ) { return get_site_option( 'fake_setting_' . $name, $default ); }

	// A file for each handle, with the levels that the setting allows.
	function wu_log_add( $handle, $message, $level = 'info' ) {
		if ( 'errors' === wu_get_setting( 'error_logging_level', 'default' ) && 'error' !== $level && 'critical' !== $level ) {
			return;
		}
		wp_mkdir_p( WP_CONTENT_DIR . '/uploads/wu-logs' );
		file_put_contents( WP_CONTENT_DIR . "/uploads/wu-logs/$handle.log", sprintf( "%.6F %s %s\n", microtime( true ), $level, $message ), FILE_APPEND );
	}
	function wu_log_clear( $handle ) {
		if ( is_file( $file = WP_CONTENT_DIR . "/uploads/wu-logs/$handle.log" ) ) {
			unlink( $file );
		}
	}

	// Action Scheduler: these actions run later, in another process.
	function wu_enqueue_async_action( $hook, $args = array(), $group = '' ) { return wu_schedule_single_action( time(), $hook, $args, $group ); }
	function wu_schedule_single_action( $at, $hook, $args = array(), $group = '' ) {
		global $wpdb;
		$wpdb->insert( 'fake_queue', array( 'hook' => $hook, 'args' => wp_json_encode( $args ), 'due' => $at, 'status' => 'pending' ) );
		return $wpdb->insert_id;
	}
	function fake_run_queue() {
		global $wpdb;
		while ( $action = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM fake_queue WHERE status = 'pending' AND due <= %d ORDER BY due, id LIMIT 1", time() ) ) ) {
			$wpdb->update( 'fake_queue', array( 'status' => 'complete' ), array( 'id' => $action->id ) );
			try {
				do_action_ref_array( $action->hook, array_values( json_decode( $action->args, true ) ) );
			} catch ( Exception $e ) {
				$wpdb->update( 'fake_queue', array( 'status' => 'failed' ), array( 'id' => $action->id ) );
			}
		}
	}

	function wu_get_domain( $id ) { return WP_Ultimo\Models\Domain::get_by( 'id', $id ); }
	function wu_get_domain_by_domain( $domain ) { return WP_Ultimo\Models\Domain::get_by( 'domain', $domain ); }
	function wu_get_domains( $query = array() ) {
		global $wpdb;
		$query += array( 'number' => 100, 'offset' => 0 );
		$where  = '1 = 1';
		if ( isset( $query['blog_id'] ) ) {
			$where .= $wpdb->prepare( ' AND blog_id = %d', $query['blog_id'] );
		}
		if ( isset( $query['stage__in'] ) ) {
			$where .= $wpdb->prepare( ' AND stage IN (' . implode( ', ', array_fill( 0, count( $query['stage__in'] ), '%s' ) ) . ')', $query['stage__in'] );
		}
		$rows = $wpdb->get_results( $wpdb->prepare( "SELECT * FROM fake_domains WHERE $where ORDER BY id LIMIT %d, %d", $query['offset'], $query['number'] ), ARRAY_A );
		return array_map( function ( $row ) { return new WP_Ultimo\Models\Domain( $row ); }, $rows );
	}
	function wu_create_domain( $data ) {
		$domain = new WP_Ultimo\Models\Domain( $data );
		$saved  = $domain->save();
		if ( is_wp_error( $saved ) ) {
			return $saved;
		}
		wu_enqueue_async_action( 'wu_async_process_domain_stage', array( 'domain_id' => $domain->get_id() ), 'domain' );
		return $domain;
	}

	trait Fake_Provider {
		public function register_hooks() {
			foreach ( array( 'add_domain', 'remove_domain', 'add_subdomain', 'remove_subdomain' ) as $what ) {
				add_action( "wu_$what", array( $this, "on_$what" ), 10, 2 );
			}
		}
		public function on_add_domain( $domain, $site_id ) { fake_call( "add_domain $domain" ); }
		public function on_remove_domain( $domain, $site_id ) { fake_call( "remove_domain $domain" ); }
		public function on_add_subdomain( $domain, $site_id ) { fake_call( "add_subdomain $domain" ); }
		public function on_remove_subdomain( $domain, $site_id ) {} // As in the real plugin.
	}
}

namespace WP_Ultimo\Database\Domains {
	if ( \fake_version( '2.4.10' ) ) {
		class Domain_Stage { const SSL_FAILED = 'ssl-failed'; }
	} else {
		class Domain_Stage { const FAILED = 'failed'; }
	}
}

namespace WP_Ultimo\Models {
	class Domain {
		private $row, $skip_validation = false;

		public static function get_by( $column, $value ) {
			global $wpdb;
			// Like the real database layer, it reads a row once per request.
			$row = wp_cache_get( "$column $value", 'fake_domains' );
			if ( ! $row ) {
				$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM fake_domains WHERE $column = %s", $value ), ARRAY_A );
				$row && wp_cache_set( "$column $value", $row, 'fake_domains' );
			}
			return $row ? new self( $row ) : false;
		}

		public function __construct( array $row ) {
			$this->row = $row + array( 'id' => 0, 'stage' => 'checking-dns', 'secure' => 0, 'active' => 1, 'primary_domain' => 0, 'date_created' => gmdate( 'Y-m-d H:i:s' ) );
		}
		public function get_id() { return (int) $this->row['id']; }
		public function get_domain() { return $this->row['domain']; }
		public function get_blog_id() { return (int) $this->row['blog_id']; }
		public function get_site_id() { return $this->get_blog_id(); }
		public function get_stage() { return $this->row['stage']; }
		public function get_date_created() { return $this->row['date_created']; }
		public function is_secure() { return (bool) $this->row['secure']; }
		public function is_active() { return ! $this->has_inactive_stage() && $this->row['active']; }
		public function has_inactive_stage() { return in_array( $this->row['stage'], FAKE_INACTIVE, true ); }
		public function set_domain( $domain ) { $this->row['domain'] = strtolower( $domain ); }
		public function set_stage( $stage ) { $this->row['stage'] = $stage; }
		public function set_secure( $secure ) { $this->row['secure'] = (int) $secure; }
		public function set_active( $active ) { $this->row['active'] = (int) $active; }
		public function set_skip_validation( $skip = false ) { $this->skip_validation = $skip; }

		/** The rules of the real plugin: a unique name without an IDN top-level domain, and a stage of this version. */
		private function problem() {
			global $wpdb;
			$stages = array( 'checking-dns', 'checking-ssl-cert', 'done', 'done-without-ssl', 'failed' );
			if ( \fake_version( '2.4.10' ) ) {
				$stages[] = 'ssl-failed';
			}
			if ( ! in_array( $this->row['stage'], $stages, true ) ) {
				return 'no such stage: ' . $this->row['stage'];
			}
			if ( ! preg_match( '/^(?!\-)(?:(?:[a-zA-Z\d][a-zA-Z\d\-]{0,61})?[a-zA-Z\d]\.){1,126}(?!\d+)[a-zA-Z\d]{1,63}$/', $this->row['domain'] ) ) {
				return 'domain ' . $this->row['domain'] . ' is not valid';
			}
			return $wpdb->get_var( $wpdb->prepare( 'SELECT id FROM fake_domains WHERE domain = %s AND id <> %d', $this->row['domain'], $this->row['id'] ) ) ? 'the domain is taken' : '';
		}

		public function save() {
			global $wpdb;
			if ( ! $this->skip_validation && $problem = $this->problem() ) {
				return new \WP_Error( 'validation', $problem );
			}
			if ( is_file( ABSPATH . 'database-refuses' ) ) {
				return false;
			}
			$old = $this->get_id() ? $wpdb->get_row( $wpdb->prepare( 'SELECT * FROM fake_domains WHERE id = %d', $this->get_id() ), ARRAY_A ) : array();
			if ( $old ) {
				$done = $wpdb->update( 'fake_domains', $this->row, array( 'id' => $this->row['id'] ) );
			} else {
				$done            = $wpdb->insert( 'fake_domains', array( 'id' => null ) + $this->row );
				$this->row['id'] = $wpdb->insert_id;
			}
			foreach ( array( 'domain', 'stage', 'secure', 'active', 'primary_domain' ) as $column ) {
				$before = $old ? $old[ $column ] : 'new';
				if ( (string) $before !== (string) $this->row[ $column ] ) {
					$network = get_current_network_id() === get_main_network_id() ? '' : get_current_network_id() . '_';
					do_action( "wu_{$network}transition_domain_$column", $before, $this->row[ $column ], $this->row['id'] );
				}
			}
			wp_cache_flush();
			return \fake_version( '2.4' ) ? (bool) $done : (int) $done;
		}

		public function delete() {
			global $wpdb;
			$wpdb->delete( 'fake_domains', array( 'id' => $this->row['id'] ) );
			wp_cache_flush();
			wu_enqueue_async_action( 'wu_remove_domain', array( 'domain' => $this->row['domain'], 'site_id' => $this->get_site_id() ), 'domain' );
			wu_log_clear( 'domain-' . $this->row['domain'] );
			wu_log_add( 'domain-' . $this->row['domain'], 'Domain deleted and logs cleared...' );
			return true;
		}
	}
}

namespace WP_Ultimo\Managers {
	class Domain_Manager {
		public static function get_instance() {
			static $instance;
			return $instance ?: $instance = new self();
		}

		public function init() {
			add_action( 'wu_async_process_domain_stage', array( $this, 'async_process_domain_stage' ), 10, 2 );
			add_action( 'wu_transition_domain_domain', array( $this, 'send_domain_to_host' ), 10, 3 );
			add_action( 'wp_insert_site', array( $this, 'handle_site_created' ) );
			// First its mappings are removed, then its own name.
			add_action( 'wp_delete_site', function ( $site ) {
				foreach ( wu_get_domains( array( 'blog_id' => $site->blog_id ) ) as $domain ) {
					$domain->delete();
				}
			} );
			add_action( 'wp_delete_site', function ( $site ) {
				wu_enqueue_async_action( 'wu_remove_subdomain', array( 'subdomain' => $site->domain, 'site_id' => $site->blog_id ), 'domain' );
			} );
		}

		public function send_domain_to_host( $old, $new, $id ) {
			wu_enqueue_async_action( 'wu_add_domain', array( 'domain' => $new, 'site_id' => wu_get_domain( $id )->get_site_id() ), 'domain' );
		}

		// The site's tables don't exist yet. From 2.4 it gets a mapping of its own name, which is checked twice.
		public function handle_site_created( $site ) {
			if ( '' === str_replace( get_network()->domain, '', $site->domain ) ) {
				return;
			}
			wu_enqueue_async_action( 'wu_add_subdomain', array( 'subdomain' => $site->domain, 'site_id' => $site->blog_id ), 'domain' );
			if ( ! \fake_version( '2.4' ) ) {
				return;
			}
			$domain = wu_create_domain( array( 'blog_id' => $site->blog_id, 'domain' => $site->domain, 'primary_domain' => 1 ) );
			wu_enqueue_async_action( 'wu_async_process_domain_stage', array( 'domain_id' => $domain->get_id() ), 'domain' );
		}

		// The real plugin queries DNS over HTTPS and the domain. Here names that contain "works" pass.
		public function async_process_domain_stage( $id, $tries = 0 ) {
			if ( ! $domain = wu_get_domain( $id ) ) {
				return;
			}
			$max = apply_filters( 'wu_async_process_domain_stage_max_tries', 5, $domain );
			\fake_call( 'polled ' . $domain->get_domain() );
			if ( ! in_array( $domain->get_stage(), array( 'checking-dns', 'checking-ssl-cert' ), true ) ) {
				return;
			}
			$dns = 'checking-dns' === $domain->get_stage();
			if ( false !== strpos( $domain->get_domain(), 'works' ) ) {
				$domain->set_stage( $dns ? 'checking-ssl-cert' : 'done' );
				$domain->set_secure( ! $dns );
				$domain->save();
				if ( $dns ) {
					wu_enqueue_async_action( 'wu_async_process_domain_stage', array( 'domain_id' => $id, 'tries' => 0 ), 'domain' );
					do_action( 'wu_domain_manager_dns_propagation_finished', $domain );
				}
			} elseif ( ++$tries > $max ) {
				$domain->set_stage( $dns ? 'failed' : ( \fake_version( '2.4.10' ) ? 'ssl-failed' : 'done-without-ssl' ) );
				$domain->save();
			} else {
				wu_schedule_single_action( time() + 300, 'wu_async_process_domain_stage', array( 'domain_id' => $id, 'tries' => $tries ), 'domain' );
			}
		}

		// Its own rule, which counts labels and has a short list.
		public function should_create_www_subdomain( $domain ) {
			$labels = explode( '.', $domain );
			$double = in_array( '.' . implode( '.', array_slice( $labels, -2 ) ), array( '.co.uk', '.com.au', '.co.nz', '.com.br', '.co.in' ), true );
			switch ( wu_get_setting( 'auto_create_www_subdomain', 'always' ) ) {
				case 'never':
					return false;
				case 'main_only':
					return count( $labels ) <= 2 || 3 === count( $labels ) && $double;
			}
			return 'www' !== $labels[0];
		}
	}
	Domain_Manager::get_instance()->init();
}

namespace WP_Ultimo\Integrations\Host_Providers {
	if ( ! \fake_version( '2.4.13' ) ) {
		class ServerPilot_Host_Provider {
			use \Fake_Provider;
			private static $instance;
			public static function get_instance() { return self::$instance ?: self::$instance = new self(); }
		}
		add_action( 'plugins_loaded', function () { ServerPilot_Host_Provider::get_instance()->register_hooks(); }, 11 );
	}
}

namespace WP_Ultimo\Integrations {
	if ( \fake_version( '2.4.13' ) ) {
		// Another plugin's class in the place of ServerPilot's; only the registry identifies it.
		class Module { use \Fake_Provider; }
		class Integration {
			// A constant, or a network option, which the real plugin encrypts.
			public function get_credential( $name ) { return defined( $name ) && constant( $name ) ? (string) constant( $name ) : strrev( get_network_option( null, 'wu_hosting_credential_' . $name, '' ) ); }
		}
		class Integration_Registry {
			private static $instance;
			private $module;
			public static function get_instance() { return self::$instance ?: self::$instance = new self(); }
			public function get( string $id ) { return 'serverpilot' === $id ? new Integration() : null; }
			public function get_capability( string $integration, string $capability ) {
				return 'serverpilot' === $integration && 'domain-mapping' === $capability ? $this->module : null;
			}
			public function resolve() {
				$this->module = new Module();
				do_action( 'wu_register_capabilities', $this );
				$this->module->register_hooks();
			}
		}
		add_action( 'plugins_loaded', function () { Integration_Registry::get_instance()->resolve(); }, 12 );
	}
}
