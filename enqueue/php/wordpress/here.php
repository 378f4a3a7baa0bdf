<?php
/**
 * Answers the workers' signed challenge for names that WordPress doesn't serve yet.
 *
 * Ultimate Multisite serves a mapped domain only once it is done. Until then WordPress sends its visitors to the sign-up page,
 * before it loads plugins. Behind a proxy, a domain becomes done only if it answers the challenge. So wp-config.php loads this
 * file before wp-settings.php:
 *
 *     require_once __DIR__ . '/wp-content/plugins/pilotsync/here.php';
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

// WordPress calls it once it knows that no site has the host. It takes hooks from this variable when it starts.
$GLOBALS['wp_filter']['ms_site_not_found'][0]['pilotsync_here'] = array(
	'accepted_args' => 0,
	'function'      => static function (): void {
		$uri  = isset( $_SERVER['REQUEST_URI'] ) && is_string( $_SERVER['REQUEST_URI'] ) ? $_SERVER['REQUEST_URI'] : ''; // phpcs:ignore
		$path = (string) strtok( $uri, '?' );
		foreach ( array( 'Settings', 'Signature', 'Schema', 'Here' ) as $class ) {
			require_once __DIR__ . "/src/$class.php";
		}
		$settings = new Settings();
		if ( Here::PATH !== $path || $settings->off() ) {
			return;
		}
		// The plugin isn't loaded, nor is Ultimate Multisite for certain. But the plugin's table has each name whose change it sent.
		$is_known = static function ( string $name ): bool {
			global $wpdb;
			$query = 'SELECT COUNT(*) FROM ' . Schema::domains() . " WHERE hash IN (%s, %s) AND removed_at = 0 AND state <> 'removed'";
			return 0 < (int) $wpdb->get_var( $wpdb->prepare( $query, md5( $name ), md5( Here::bare( $name ) ) ) ); // phpcs:ignore WordPress.DB
		};
		$body     = ( new Here( $settings ) )->body( $_GET, $is_known ); // phpcs:ignore WordPress.Security.NonceVerification
		header( 'Content-Type: application/json; charset=UTF-8' );
		header( 'Cache-Control: no-store' );
		http_response_code( $body ? 200 : 404 );
		echo json_encode( $body ? $body : array( 'code' => 'pilotsync_not_here' ) ); // phpcs:ignore WordPress.WP.AlternativeFunctions
		exit;
	},
);
