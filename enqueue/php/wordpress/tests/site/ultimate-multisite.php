<?php
/**
 * Plugin Name: A stand-in for Ultimate Multisite
 *
 * It has the functions, hooks and classes that Ultimate Multisite documents and pilotsync relies on, and its own
 * ServerPilot provider in both layouts; and it takes the test's orders by HTTP.
 *
 * phpcs:disable
 */

namespace {
	if ( ! is_multisite() || ! empty( $GLOBALS['test_without_ultimate'] ) || is_file( ABSPATH . 'no-ultimate' ) ) {
		// The test's orders still have to be taken.
	} else {
		class Fake_Domain {
			private $row, $was;

			public function __construct( array $row ) { $this->row = $this->was = $row; }
			public function get_id() { return (int) $this->row['id']; }
			public function get_domain() { return $this->row['domain']; }
			public function get_blog_id() { return (int) $this->row['blog_id']; }
			public function get_stage() { return $this->row['stage']; }
			public function is_secure() { return (bool) $this->row['secure']; }
			public function set_domain( $domain ) { $this->row['domain'] = $domain; }
			public function set_stage( $stage ) { $this->row['stage'] = $stage; }
			public function set_secure( $secure ) { $this->row['secure'] = $secure ? 1 : 0; }

			public function save() {
				global $wpdb;
				if ( ! in_array( $this->row['stage'], array( 'checking-dns', 'checking-ssl-cert', 'done', 'done-without-ssl', 'failed' ), true ) ) {
					return new WP_Error( 'stage', 'no such stage: ' . $this->row['stage'] );
				}
				if ( empty( $this->row['id'] ) ) {
					$wpdb->insert( 'fake_domains', $this->row );
					$this->row['id'] = $wpdb->insert_id;
				} else {
					$wpdb->update( 'fake_domains', $this->row, array( 'id' => $this->row['id'] ) );
				}
				$before    = isset( $this->was['id'] ) ? $this->was['domain'] : '';
				$this->was = $this->row;
				if ( $before !== $this->row['domain'] ) {
					do_action( 'wu_transition_domain_domain', $before, $this->row['domain'], $this->row['id'] );
				}
				wp_cache_flush();
				return true;
			}

			public function delete() {
				global $wpdb;
				$wpdb->delete( 'fake_domains', array( 'id' => $this->row['id'] ) );
				wu_enqueue_async_action( 'wu_remove_domain', array( 'domain' => $this->row['domain'], 'site_id' => $this->row['blog_id'] ), 'domain' );
			}
		}

		function wu_get_domain_by_domain( $domain ) { return fake_domain( 'domain', $domain ); }
		function wu_get_domain( $id ) { return fake_domain( 'id', $id ); }
		function fake_domain( $column, $value ) {
			global $wpdb;
			$row = $wpdb->get_row( $wpdb->prepare( "SELECT * FROM fake_domains WHERE $column = %s", $value ), ARRAY_A );
			return $row ? new Fake_Domain( $row ) : false;
		}
		function wu_get_domains( $query ) {
			global $wpdb;
			$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM fake_domains ORDER BY id LIMIT %d, %d', $query['offset'], $query['number'] ), ARRAY_A );
			return array_map( function ( $row ) { return new Fake_Domain( $row ); }, $rows );
		}
		function wu_get_setting( $name, $default = false ) { return get_site_option( 'fake_setting_' . $name, $default ); }
		function wu_log_add( $handle, $message, $level = 'info' ) {
			global $wpdb;
			$wpdb->insert( 'fake_log', compact( 'handle', 'message', 'level' ) );
		}
		// Ultimate Multisite puts it into Action Scheduler, and only if somebody listens.
		function wu_enqueue_async_action( $hook, $args, $group ) {
			if ( has_action( $hook ) ) {
				do_action_ref_array( $hook, array_values( $args ) );
			}
		}
		add_action( 'wu_transition_domain_domain', function ( $old, $new, $id ) {
			wu_enqueue_async_action( 'wu_add_domain', array( 'domain' => $new, 'site_id' => wu_get_domain( $id )->get_blog_id() ), 'domain' );
		}, 10, 3 );
		// A new subsite is told of twice: by itself, and by the mapping made for it.
		add_action( 'wp_initialize_site', function ( $site ) {
			wu_enqueue_async_action( 'wu_add_subdomain', array( 'subdomain' => $site->domain, 'site_id' => $site->blog_id ), 'domain' );
			( new Fake_Domain( array( 'domain' => $site->domain, 'blog_id' => $site->blog_id, 'stage' => 'checking-dns', 'secure' => 0 ) ) )->save();
		}, 900 );
		add_action( 'wp_delete_site', function ( $site ) {
			wu_enqueue_async_action( 'wu_remove_subdomain', array( 'subdomain' => $site->domain, 'site_id' => $site->blog_id ), 'domain' );
			if ( $domain = wu_get_domain_by_domain( $site->domain ) ) {
				$domain->delete();
			}
		} );
		function fake_provider_called( $method, $domain ) {
			global $wpdb;
			$wpdb->insert( 'fake_calls', array( 'call_text' => "$method $domain" ) );
		}
		trait Fake_Provider {
			public function register_hooks() {
				foreach ( array( 'add_domain', 'remove_domain', 'add_subdomain', 'remove_subdomain' ) as $what ) {
					add_action( "wu_$what", array( $this, "on_$what" ), 10, 2 );
				}
			}
			public function on_add_domain( $domain, $site_id ) { fake_provider_called( 'add_domain', $domain ); }
			public function on_remove_domain( $domain, $site_id ) { fake_provider_called( 'remove_domain', $domain ); }
			public function on_add_subdomain( $domain, $site_id ) { fake_provider_called( 'add_subdomain', $domain ); }
			public function on_remove_subdomain( $domain, $site_id ) { fake_provider_called( 'remove_subdomain', $domain ); }
		}
	}
}

namespace WP_Ultimo\Managers {
	class Domain_Manager {
		public function async_process_domain_stage( $domain_id, $tries = 0 ) {
			\fake_provider_called( 'polled', \wu_get_domain( $domain_id )->get_domain() );
		}
	}
	if ( function_exists( 'wu_get_domain' ) ) {
		add_action( 'wu_async_process_domain_stage', array( new Domain_Manager(), 'async_process_domain_stage' ), 10, 2 );
	}
}

namespace WP_Ultimo\Integrations\Host_Providers {
	if ( function_exists( 'wu_get_domain' ) && 'old' === get_site_option( 'fake_layout', 'old' ) ) {
		class ServerPilot_Host_Provider {
			use \Fake_Provider;
			private static $instance;
			public static function get_instance() { return self::$instance ?: self::$instance = new self(); }
		}
		add_action( 'plugins_loaded', function () { ServerPilot_Host_Provider::get_instance()->register_hooks(); }, 11 );
	}
}

namespace WP_Ultimo\Integrations {
	if ( function_exists( 'wu_get_domain' ) && 'new' === get_site_option( 'fake_layout', 'old' ) ) {
		// Somebody's own class in ServerPilot's place: it is known by its place only.
		class Module { use \Fake_Provider; }
		class Integration_Registry {
			private static $instance;
			private $module;
			public static function get_instance() { return self::$instance ?: self::$instance = new self(); }
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

namespace {
	if ( get_site_option( 'fake_action_scheduler' ) ) {
		// Action Scheduler's functions, as far as one action at a time goes.
		function as_schedule_single_action( $at, $hook, $args, $group ) {
			update_site_option( 'fake_actions', array_merge( get_site_option( 'fake_actions', array() ), array( array( $at, $hook ) ) ) );
		}
		function as_next_scheduled_action( $hook, $args, $group ) {
			foreach ( get_site_option( 'fake_actions', array() ) as list( $at, $scheduled ) ) {
				if ( $hook === $scheduled ) {
					return $at;
				}
			}
			return doing_action( $hook );
		}
		function as_unschedule_all_actions( $hook, $args, $group ) { update_site_option( 'fake_actions', array() ); }
	}
	add_filter( 'pilotsync_verifies_domain', function ( $verifies, $domain ) { return 'theirs.example.com' !== $domain; }, 10, 2 );
	add_filter( 'pilotsync_retry_seconds', function () { return 1; } );

	// The test's orders: a list of steps, all in one request.
	add_action( 'wp_loaded', function () {
		if ( ! isset( $_GET['test'] ) ) {
			return;
		}
		global $wpdb;
		$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_domains (id int AUTO_INCREMENT PRIMARY KEY, domain varchar(253), blog_id int, stage varchar(30), secure int)' );
		$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_log (id int AUTO_INCREMENT PRIMARY KEY, handle varchar(300), message text, level varchar(20))' );
		$wpdb->query( 'CREATE TABLE IF NOT EXISTS fake_calls (id int AUTO_INCREMENT PRIMARY KEY, call_text varchar(300))' );
		$output = '';
		ob_start();
		foreach ( json_decode( file_get_contents( 'php://input' ), true ) as $step ) {
			$do = array_shift( $step );
			switch ( $do ) {
				case 'map':
					( new Fake_Domain( array( 'domain' => $step[0], 'blog_id' => 2, 'stage' => 'checking-dns', 'secure' => 0 ) ) )->save();
					break;
				case 'rename':
					$domain = wu_get_domain_by_domain( $step[0] );
					$domain->set_domain( $step[1] );
					$domain->save();
					break;
				case 'unmap':
					wu_get_domain_by_domain( $step[0] )->delete();
					break;
				case 'do_action':
					do_action_ref_array( array_shift( $step ), $step );
					break;
				case 'make_site':
					wpmu_create_blog( $step[0], '/', 'Site', 1 );
					break;
				case 'delete_site':
					require_once ABSPATH . 'wp-admin/includes/ms.php';
					wpmu_delete_blog( get_blog_id_from_url( $step[0] ), true );
					break;
				case 'poll':
					do_action( 'wu_async_process_domain_stage', wu_get_domain_by_domain( $step[0] )->get_id(), 0 );
					break;
				case 'option':
					update_site_option( $step[0], $step[1] );
					break;
				case 'activate':
					require_once ABSPATH . 'wp-admin/includes/plugin.php';
					$result = activate_plugin( 'pilotsync/pilotsync.php', '', true );
					echo is_wp_error( $result ) ? $result->get_error_message() : '';
					break;
				case 'deactivate':
					require_once ABSPATH . 'wp-admin/includes/plugin.php';
					deactivate_plugins( 'pilotsync/pilotsync.php', false, true );
					break;
				case 'uninstall':
					require_once ABSPATH . 'wp-admin/includes/plugin.php';
					uninstall_plugin( 'pilotsync/pilotsync.php' );
					echo implode( ' ', array_merge(
						$wpdb->get_col( "SHOW TABLES LIKE '%pilotsync%'" ),
						$wpdb->get_col( "SELECT meta_key FROM {$wpdb->sitemeta} WHERE meta_key LIKE 'pilotsync%'" )
					) );
					break;
				case 'actions':
					$actions = get_site_option( 'fake_actions', array() );
					update_site_option( 'fake_actions', array() );
					foreach ( $actions as list( , $hook ) ) {
						do_action( $hook );
					}
					echo count( $actions ), ' run, ', count( get_site_option( 'fake_actions', array() ) ), ' scheduled; WP-Cron: ', wp_next_scheduled( 'pilotsync_flush' ) ? 'yes' : 'no';
					break;
				case 'button': // Ends the request.
					wp_set_current_user( $step[0] );
					$_REQUEST['_wpnonce'] = $step[1] ? wp_create_nonce( 'pilotsync_send' ) : 'none';
					do_action( 'network_admin_edit_pilotsync_send' );
					break;
				case 'notices':
					wp_set_current_user( isset( $step[0] ) ? $step[0] : 1 );
					do_action( 'network_admin_notices' );
					break;
				case 'health':
					wp_set_current_user( 1 );
					$tests = apply_filters( 'site_status_tests', array( 'direct' => array() ) );
					$result = isset( $tests['direct']['pilotsync'] ) ? call_user_func( $tests['direct']['pilotsync']['test'] ) : array( 'status' => 'none', 'description' => '' );
					echo $result['status'] . ' ' . $result['description'];
					break;
			}
		}
		$output = ob_get_clean();
		$outbox = $wpdb->get_col( "SHOW TABLES LIKE '{$wpdb->base_prefix}pilotsync_outbox'" ) ? $wpdb->get_col( "SELECT CONCAT(kind, ' ', domain) FROM {$wpdb->base_prefix}pilotsync_outbox ORDER BY id" ) : array();
		wp_send_json( array(
			'output'  => $output,
			'domains' => (object) array_column( $wpdb->get_results( "SELECT domain, CONCAT(stage, IF(secure, ' secure', '')) AS stage FROM fake_domains", ARRAY_A ), 'stage', 'domain' ),
			'log'     => $wpdb->get_col( "SELECT CONCAT(handle, ' ', level, ' ', message) FROM fake_log ORDER BY id" ),
			'calls'   => $wpdb->get_col( 'SELECT call_text FROM fake_calls ORDER BY id' ),
			'outbox'  => $outbox,
		) );
	} );
}
