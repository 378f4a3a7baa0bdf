<?php
/**
 * The lists of domains of the real Ultimate Multisite, with those parts of its views that pilotsync uses.
 *
 * phpcs:disable
 */

function wu_get_isset( $array, $key, $default = false ) { return $array[ $key ] ?? $default; }

function wu_get_template( $view, $args = array(), $default_view = false ) {
	$args = apply_filters( 'wp_ultimo_render_vars', $args, $view, $default_view );
	extract( $args );
	switch ( $view ) {
		case 'dashboard-widgets/domain-mapping':
			foreach ( $domains as $domain ) {
				$item      = $domain['domain_object'];
				$first_row = array(
					'primary' => array( 'wrapper_classes' => '', 'icon' => 'i', 'label' => '', 'value' => function () { echo 'Alias'; } ),
					'secure'  => array( 'wrapper_classes' => '', 'icon' => 'i', 'label' => '', 'value' => $item->is_secure() ? 'Secure (HTTPS)' : 'Not Secure (HTTP)' ),
				);
				if ( ! fake_version( '2.4' ) ) {
					$first_row['primary']['value'] = 'Alias'; // The real view can't call functions here.
				}
				if ( fake_version( '2.4.12' ) ) {
					$first_row = apply_filters( 'wu_domain_mapping_row_info', $first_row, $item );
				}
				wu_responsive_table_row( array( 'id' => false, 'title' => strtolower( $item->get_domain() ), 'url' => false, 'status' => $item->get_stage() ), $first_row );
			}
			break;
		case 'base/responsive-table-row':
			echo '<div>', $args['title'], ' ', $args['status'];
			foreach ( $first_row as $item ) {
				echo '<span class="', esc_attr( wu_get_isset( $item, 'wrapper_classes', '' ) ), '"><span class="', esc_attr( $item['icon'] ), '"></span>';
				if ( ! fake_version( '2.4' ) ) {
					echo $item['value'];
				} elseif ( is_callable( $item['value'] ) ) {
					$item['value']();
				} else {
					echo wp_kses( $item['value'], wp_kses_allowed_html( 'post' ) );
				}
				echo '</span>';
			}
			echo "</div>\n";
			break;
	}
}

function wu_responsive_table_row( $args = array(), $first_row = array(), $second_row = array() ) {
	wu_get_template( 'base/responsive-table-row', compact( 'args', 'first_row', 'second_row' ) );
}

// A customer's list of a site's domains: the element Domain_Mapping_Element.
function fake_customer_list( $site_id ) {
	$domains = array_map( function ( $domain ) { return array( 'domain_object' => $domain ); }, wu_get_domains( array( 'blog_id' => $site_id ) ) );
	wu_get_template( 'dashboard-widgets/domain-mapping', compact( 'domains' ) );
	// Other lists have rows of the same kind.
	wu_responsive_table_row( array( 'title' => 'shop.example.com', 'status' => '' ), array( 'email' => array( 'icon' => '', 'value' => 'other row' ) ) );
}
