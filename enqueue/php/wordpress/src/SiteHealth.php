<?php
/**
 * The entry in Tools → Site Health.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Shows the checks to network administrators. */
final class SiteHealth {

	/** @var Checks */
	private $checks;

	public function __construct( Checks $checks ) {
		$this->checks = $checks;
	}

	/** Adds the entry. */
	public function listen(): void {
		add_filter( 'site_status_tests', array( $this, 'add' ) );
	}

	/**
	 * Adds the test on the main site, for network administrators only, because it shows details of Redis and ServerPilot.
	 *
	 * @param array $tests Site Health's tests.
	 */
	public function add( $tests ) {
		if ( is_main_site() && current_user_can( 'manage_network_options' ) ) {
			$tests['direct']['pilotsync'] = array(
				'label' => __( 'pilotsync', 'pilotsync' ),
				'test'  => array( $this, 'run' ),
			);
		}
		return $tests;
	}

	/** Runs the checks. */
	public function run(): array {
		$failed = 0;
		$lines = '';
		foreach ( $this->checks->run() as list( $what, $ok, $sentence ) ) {
			$failed += $ok ? 0 : 1;
			$lines .= '<li>' . ( $ok ? '' : '<strong>' ) . esc_html( $what . ': ' . $sentence ) . ( $ok ? '' : '</strong>' ) . '</li>';
		}
		return array(
			'label'       => $failed ? __( 'Domain changes may not reach ServerPilot', 'pilotsync' ) : __( 'Domain changes reach pilotsync', 'pilotsync' ),
			'status'      => $failed ? 'critical' : 'good',
			'badge'       => array(
				'label' => __( 'Domains', 'pilotsync' ),
				'color' => 'blue',
			),
			'description' => "<ul>$lines</ul>",
			'actions'     => '',
			'test'        => 'pilotsync',
		);
	}
}
