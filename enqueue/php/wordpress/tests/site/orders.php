<?php
/**
 * Plugin Name: The test's steps
 *
 * Receives a list of steps by HTTP, takes them in one request, and returns the resulting state of the network. It also loads
 * the stand-in for Ultimate Multisite.
 *
 * phpcs:disable
 */

if ( is_multisite() && ! is_file( ABSPATH . 'no-ultimate' ) ) {
	require ABSPATH . 'ultimate-multisite.php';
	require ABSPATH . 'domain-lists.php';
}

if ( get_site_option( 'fake_action_scheduler' ) ) {
	// Action Scheduler's functions, enough for one action at a time.
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
if ( is_file( ABSPATH . 'failing-queries' ) ) {
	// The database refuses queries that contain this text.
	$GLOBALS['wpdb']->suppress_errors();
	add_filter( 'query', function ( $query ) {
		return false === strpos( $query, file_get_contents( ABSPATH . 'failing-queries' ) ) ? $query : 'SELECT disk FROM is_full';
	} );
}
// The front page, since there is no theme.
add_action( 'template_redirect', function () {
	echo get_bloginfo( 'name' );
	exit;
} );
add_filter( 'pilotsync_verifies_domain', function ( $verifies, $domain ) { return 'theirs.example.com' !== $domain; }, 10, 2 );
add_filter( 'locale', function ( $locale ) { return get_site_option( 'fake_locale' ) ?: $locale; } );
add_filter( 'pilotsync_retry_seconds', function () { return 1; } );

function test_step( string $do, array $step ) {
	global $wpdb;
	switch ( $do ) {
		case 'map': // A name and the mapping's other fields.
			$domain = wu_create_domain( array( 'domain' => $step[0] ) + ( $step[1] ?? array() ) + array( 'blog_id' => 2 ) );
			echo is_wp_error( $domain ) ? $domain->get_error_message() : '';
			break;
		case 'map_old': // A mapping that was saved under other rules.
			$domain = new WP_Ultimo\Models\Domain( array( 'domain' => $step[0] ) + ( $step[1] ?? array() ) + array( 'blog_id' => 2 ) );
			$domain->set_skip_validation( true );
			$domain->save();
			break;
		case 'rename':
			$domain = wu_get_domain_by_domain( $step[0] );
			$domain->set_domain( $step[1] );
			$domain->save();
			break;
		case 'edit_page': // An administrator saves the edit page, which queues a check.
			$domain = wu_get_domain_by_domain( $step[0] );
			wu_enqueue_async_action( 'wu_async_process_domain_stage', array( 'domain_id' => $domain->get_id() ), 'domain' );
			$domain->set_stage( $step[1] );
			$domain->save();
			break;
		case 'unmap':
			wu_get_domain_by_domain( $step[0] )->delete();
			break;
		case 'set': // Without Ultimate Multisite, as when a backup is restored.
			$wpdb->update( 'fake_domains', $step[1], array( 'domain' => $step[0] ) );
			wp_cache_flush();
			break;
		case 'sql':
			echo implode( ' ', $wpdb->get_col( $step[0] ) );
			break;
		case 'flush':
			wp_cache_flush();
			break;
		case 'queue':
			fake_run_queue();
			break;
		case 'do_action':
			do_action_ref_array( array_shift( $step ), $step );
			break;
		case 'make_site':
			$id = wpmu_create_blog( $step[0], '/', 'Site of ' . $step[0], 1 );
			echo is_wp_error( $id ) ? $id->get_error_message() : $id;
			break;
		case 'make_network': // With a main site; prints its id.
			require_once ABSPATH . 'wp-admin/includes/schema.php';
			$wpdb->insert( $wpdb->site, array( 'id' => 2, 'domain' => $step[0], 'path' => '/' ) );
			populate_network_meta( 2, array( 'admin_email' => "admin@$step[0]", 'site_name' => $step[0], 'site_admins' => array( 'admin' ) ) );
			echo wp_insert_site( array( 'network_id' => 2, 'domain' => $step[0], 'path' => '/', 'title' => 'Site of ' . $step[0], 'user_id' => 1 ) );
			break;
		case 'options_elsewhere': // The plugin's options in other networks than the main one.
			echo implode( ' ', $wpdb->get_col( "SELECT meta_key FROM {$wpdb->sitemeta} WHERE meta_key LIKE '%pilotsync%' AND meta_key NOT LIKE '%pilotsync_works' AND site_id <> 1" ) );
			break;
		case 'webhook_url':
			echo Pilotsync\WordPress\Webhook::url();
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
				$wpdb->get_col( "SELECT meta_key FROM {$wpdb->sitemeta} WHERE meta_key LIKE '%pilotsync%' AND meta_key <> '_site_transient_update_plugins' AND meta_key <> 'active_sitewide_plugins'" )
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
		case 'remembered_ledger':
			$ledger = get_site_option( 'pilotsync_ledger' );
			echo isset( $ledger['id'] ) ? $ledger['id'] : '';
			break;
		case 'notices':
			wp_set_current_user( isset( $step[0] ) ? $step[0] : 1 );
			do_action( 'network_admin_notices' );
			break;
		case 'forget_redis_away':
			delete_network_option( 1, 'pilotsync_redis_away' );
			break;
		case 'age_mail': // Moves waiting e-mails an hour into the past.
			$wpdb->query( "UPDATE {$wpdb->base_prefix}pilotsync_mail SET created_at = created_at - 3600" );
			break;
		case 'age_digest': // Moves the last check into the past, in seconds.
			$digest = get_site_option( 'pilotsync_digest' );
			if ( is_array( $digest ) ) {
				$digest['looked_at'] -= $step[0];
				$digest['wrote_at']  -= $step[0];
				update_site_option( 'pilotsync_digest', $digest );
			}
			break;
		case 'check_page': // A user, a domain, and whether the form is sent with a valid nonce; null opens the page.
			require_once ABSPATH . 'wp-admin/includes/plugin.php';
			wp_set_current_user( $step[0] );
			$GLOBALS['submenu'] = $GLOBALS['menu'] = array();
			do_action( 'network_admin_menu' );
			$_GET = $_POST = $_REQUEST = array();
			if ( null === $step[2] ) {
				$_GET['domain'] = $step[1];
			} else {
				$_POST['domain']      = $step[1];
				$_REQUEST['_wpnonce'] = $step[2] ? wp_create_nonce( 'pilotsync-check' ) : 'none';
			}
			do_action( get_plugin_page_hookname( 'pilotsync-check', 'settings.php' ) );
			break;
		case 'customer_list':
			fake_customer_list( $step[0] );
			break;
		case 'health':
			wp_set_current_user( 1 );
			$tests = apply_filters( 'site_status_tests', array( 'direct' => array() ) );
			$result = isset( $tests['direct']['pilotsync'] ) ? call_user_func( $tests['direct']['pilotsync']['test'] ) : array( 'status' => 'none', 'description' => '' );
			echo $result['status'] . ' ' . $result['description'];
			break;
	}
}

// Every line of Ultimate Multisite's logs, in order: "handle level message".
function test_log() {
	$lines = array();
	foreach ( glob( WP_CONTENT_DIR . '/uploads/wu-logs/*.log' ) as $file ) {
		foreach ( file( $file, FILE_IGNORE_NEW_LINES ) as $line ) {
			list( $at, $rest ) = explode( ' ', $line, 2 );
			$lines[] = array( (float) $at, basename( $file, '.log' ) . ' ' . $rest );
		}
	}
	usort( $lines, function ( $a, $b ) { return $a[0] <=> $b[0]; } );
	return array_column( $lines, 1 );
}

add_action( 'wp_loaded', function () {
	if ( ! isset( $_GET['test'] ) ) {
		return;
	}
	global $wpdb;
	$there = function ( $table ) use ( $wpdb ) { return (bool) $wpdb->get_var( $wpdb->prepare( 'SHOW TABLES LIKE %s', $table ) ); };
	ob_start();
	foreach ( json_decode( file_get_contents( 'php://input' ), true ) as $step ) {
		test_step( array_shift( $step ), $step );
	}
	$output = ob_get_clean();
	$outbox = $wpdb->base_prefix . 'pilotsync_outbox';
	wp_send_json( array(
		'output'  => $output,
		'domains' => (object) array_column( $wpdb->get_results( "SELECT domain, CONCAT(stage, IF(secure, ' secure', '')) AS stage FROM fake_domains", ARRAY_A ), 'stage', 'domain' ),
		'log'     => test_log(),
		'calls'   => $wpdb->get_col( 'SELECT call_text FROM fake_calls ORDER BY id' ),
		'queued'  => (int) $wpdb->get_var( $wpdb->prepare( "SELECT COUNT(*) FROM fake_queue WHERE status = 'pending' AND due <= %d", time() ) ),
		'outbox'  => $there( $outbox ) ? $wpdb->get_col( "SELECT CONCAT(kind, ' ', domain) FROM $outbox ORDER BY id" ) : array(),
	) );
} );
