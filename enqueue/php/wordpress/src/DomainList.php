<?php
/**
 * The domains in customers' lists.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Shows in Ultimate Multisite's lists of a site's domains why a domain isn't ready, and which DNS records to set. Customers
 * have this list in their dashboard and on their account page, network administrators on the page of a site.
 *
 * Each row is the view base/responsive-table-row. Its variables go through the filter wp_ultimo_render_vars in all versions
 * of Ultimate Multisite from 2.0. The filter of the row itself, wu_domain_mapping_row_info, exists since 2.4.12.
 */
final class DomainList {

	/**
	 * Gives the cause its own line. The row has its parts side by side, which leaves a narrow
	 * column for the records.
	 */
	const STYLE = '<style>div:has(> .pilotsync-cause), div:has(> div > .pilotsync-cause) { flex-wrap: wrap } .pilotsync-cause { flex-basis: 100%; margin-left: 0 !important }</style>';

	/** @var Standings */
	private $standings;

	public function __construct( Standings $standings ) {
		$this->standings = $standings;
	}

	/** Attaches the filter. */
	public function listen(): void {
		add_filter( 'wp_ultimo_render_vars', array( $this, 'filter' ), 10, 2 );
	}

	/**
	 * Adds the cause to a domain's row.
	 *
	 * @param mixed  $variables The view's.
	 * @param string $view      Which view.
	 * @return mixed
	 */
	public function filter( $variables, $view = '' ) {
		// Sites and customers have such rows, too. These fields identify the rows of domains.
		if ( 'base/responsive-table-row' !== $view || ! isset( $variables['args']['title'], $variables['first_row']['primary'], $variables['first_row']['secure'] ) ) {
			return $variables;
		}
		$mapping = Mapping::find( (string) $variables['args']['title'] );
		$html    = $mapping ? $this->html( $mapping ) : '';
		if ( '' !== $html ) {
			add_action( 'admin_footer', array( self::class, 'style' ) );
			add_action( 'wp_footer', array( self::class, 'style' ) ); // The list can also be on a page of the site.
			$variables['first_row']['pilotsync'] = array(
				'wrapper_classes' => 'pilotsync-cause',
				'icon'            => 'dashicons-before dashicons-info-outline wu-mr-1',
				'label'           => '',
				'value'           => $html,
			);
		}
		return $variables;
	}

	/** Prints the style on pages that show a cause. */
	public static function style(): void {
		echo self::STYLE; // phpcs:ignore WordPress.Security.EscapeOutput
	}

	/**
	 * The cause and the records; empty if the domain is ready.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	private function html( $mapping ): string {
		$domain = $mapping->get_domain();
		/** This filter is documented in Polling.php. */
		$standing  = apply_filters( 'pilotsync_verifies_domain', true, $domain ) ? $this->standings->of( $domain ) : null;
		$sentences = $standing ? Words::for_customer( $standing, Mapping::is_active( $mapping ) ) : array();
		if ( ! $sentences ) {
			return '';
		}
		/**
		 * The DNS records that a customer should set or delete, for networks that need other ones, such as a CNAME.
		 *
		 * @param array[]  $records Each: true to set it, false to delete it; type; name; value.
		 * @param string   $domain  The mapped name.
		 * @param Standing $standing The domain's status.
		 */
		$records = apply_filters( 'pilotsync_dns_records', Words::records( $standing ), $domain, $standing );
		$records = array_filter(
			is_array( $records ) ? $records : array(),
			static function ( $record ) {
				return is_array( $record ) && array( 0, 1, 2, 3 ) === array_keys( $record );
			}
		);
		$html    = esc_html( implode( ' ', $sentences ) );
		if ( $records ) {
			$html .= '<br>' . esc_html__( 'Change these DNS records at the DNS provider of the domain:', 'pilotsync' ) . implode( '', array_map( array( self::class, 'record' ), $records ) )
				. '<br>' . esc_html__( 'A change can take some hours to be visible everywhere. The domain is checked again automatically.', 'pilotsync' );
		} elseif ( Words::is_dns( $standing ) ) {
			$html .= ' ' . esc_html__( 'Set its DNS records as the instructions under "Add Domain" say.', 'pilotsync' );
		}
		return "<span>$html</span>";
	}

	private static function record( array $record ): string {
		list( $set, $type, $name, $value ) = $record;
		return '<br>' . esc_html( $set ? __( 'Set:', 'pilotsync' ) : __( 'Delete:', 'pilotsync' ) ) . ' <code>' . esc_html( "$type  $name  $value" ) . '</code>';
	}
}
