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

	/** @var StatusReader */
	private $statuses;

	public function __construct( StatusReader $statuses ) {
		$this->statuses = $statuses;
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
		/** This filter is documented in NativeChecks.php. */
		$status    = apply_filters( 'pilotsync_verifies_domain', true, $domain ) ? $this->statuses->of( $domain ) : null;
		$sentences = $status ? Sentences::for_customer( $status, Mapping::is_active( $mapping ) ) : array();
		if ( ! $sentences ) {
			return '';
		}
		$html    = esc_html( implode( ' ', $sentences ) );
		$records = Records::of( $domain, $status );
		if ( $records ) {
			$html .= '<br>' . esc_html__( 'Change these DNS records at the DNS provider of the domain:', 'pilotsync' ) . Records::html( $records )
				. '<br>' . esc_html__( 'A change can take some hours to be visible everywhere. The domain is checked again automatically.', 'pilotsync' );
		} elseif ( Records::are_wrong( $status ) ) {
			$html .= ' ' . esc_html__( 'Set its DNS records as the instructions under "Add Domain" say.', 'pilotsync' );
		}
		$link = CheckPage::link( $domain );
		return "<span>$html" . ( '' === $link ? '' : "<br>$link" ) . '</span>';
	}
}
