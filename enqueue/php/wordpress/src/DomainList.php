<?php
/**
 * What customers see of their domains.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/**
 * Says in Ultimate Multisite's lists of a site's domains why one isn't ready, and which DNS records to set. Customers have
 * such a list in their dashboard and on their account page, network administrators on the page of a site.
 *
 * Each row is the view base/responsive-table-row, whose variables pass the filter wp_ultimo_render_vars in all versions of
 * Ultimate Multisite from 2.0. Its filter of the row itself, wu_domain_mapping_row_info, came with 2.4.12.
 */
final class DomainList {

	/** Gives the cause a line of its own: the row has its parts side by side, which leaves the records a narrow column. */
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
	 * Adds to the row of a domain.
	 *
	 * @param mixed  $variables The view's.
	 * @param string $view      Which view.
	 * @return mixed
	 */
	public function filter( $variables, $view = '' ) {
		// Sites and customers have rows of this kind, too; those of domains are told by what they say.
		if ( 'base/responsive-table-row' !== $view || ! isset( $variables['args']['title'], $variables['first_row']['primary'], $variables['first_row']['secure'] ) ) {
			return $variables;
		}
		$mapping = Mapping::find( (string) $variables['args']['title'] );
		$html    = $mapping ? $this->html( $mapping ) : '';
		if ( '' !== $html ) {
			add_action( 'admin_footer', array( self::class, 'style' ) );
			add_action( 'wp_footer', array( self::class, 'style' ) ); // The list can be on a page of the site, too.
			$variables['first_row']['pilotsync'] = array(
				'wrapper_classes' => 'pilotsync-cause',
				'icon'            => 'dashicons-before dashicons-info-outline wu-mr-1',
				'label'           => '',
				'value'           => $html,
			);
		}
		return $variables;
	}

	/** Prints the style, on pages with a cause. */
	public static function style(): void {
		echo self::STYLE; // phpcs:ignore WordPress.Security.EscapeOutput
	}

	/**
	 * The cause and the records; empty if there is nothing to say.
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
		 * The DNS records that a customer is told to set or to delete, for networks where they are others, such as a CNAME.
		 *
		 * @param array[]  $records Each: whether to set it, or else to delete it; type; name; value.
		 * @param string   $domain  The name that is mapped.
		 * @param Standing $standing What is known of it.
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
				. '<br>' . esc_html__( 'It can take some hours until a change is seen everywhere. The domain is checked again by itself.', 'pilotsync' );
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
