<?php
/**
 * The part of the stand-in that WordPress runs before it knows the requested site, like Ultimate Multisite's sunrise.php.
 *
 * A mapping is served only in an active stage. Otherwise WordPress finds no site and redirects to the sign-up page.
 *
 * phpcs:disable
 */

const FAKE_INACTIVE = array( 'checking-dns', 'checking-ssl-cert', 'failed', 'ssl-failed' );

if ( ! is_file( ABSPATH . 'no-ultimate' ) ) {
	add_filter( 'pre_get_site_by_path', function ( $site, $domain ) {
		global $wpdb;
		if ( $site || ! $wpdb->get_var( "SHOW TABLES LIKE 'fake_domains'" ) ) {
			return $site;
		}
		$bare    = preg_replace( '/^www\./', '', $domain );
		$mapping = $wpdb->get_row( $wpdb->prepare( 'SELECT * FROM fake_domains WHERE domain IN (%s, %s)', $bare, "www.$bare" ) );
		if ( ! $mapping || ! $mapping->active || in_array( $mapping->stage, FAKE_INACTIVE, true ) ) {
			return $site;
		}
		// The site has the mapping's URL, so a request with the other scheme is redirected.
		$home = ( $mapping->secure ? 'https://' : 'http://' ) . $mapping->domain;
		foreach ( array( 'home', 'siteurl' ) as $option ) {
			add_filter( "option_$option", function ( $url ) use ( $home, $mapping ) {
				return get_current_blog_id() === (int) $mapping->blog_id ? $home : $url;
			} );
		}
		add_action( 'template_redirect', function () use ( $home ) {
			if ( is_ssl() !== ( 0 === strpos( $home, 'https:' ) ) ) {
				wp_redirect( $home . $_SERVER['REQUEST_URI'], 301 );
				exit;
			}
		}, 0 );
		return WP_Site::get_instance( $mapping->blog_id );
	}, 10, 2 );
}
