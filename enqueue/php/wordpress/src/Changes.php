<?php
/**
 * Listens to changes of the network's domains.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** Turns Ultimate Multisite's actions into changes in the outbox. */
final class Changes {

	/** For how long a requested verification counts as just started, in seconds. */
	const JUST_ASKED = 2 * MINUTE_IN_SECONDS;

	/** For how long a late addition is ignored after its mapping was renamed, in seconds. */
	const LATE = HOUR_IN_SECONDS;

	/** @var Outbox */
	private $outbox;

	/** @var Takeover */
	private $takeover;

	/** @var Domains */
	private $domains;

	public function __construct( Outbox $outbox, Takeover $takeover, Domains $domains ) {
		$this->outbox   = $outbox;
		$this->takeover = $takeover;
		$this->domains  = $domains;
	}

	/**
	 * Attaches the listeners. Newer versions of Ultimate Multisite enqueue a change only if its
	 * action has a listener.
	 */
	public function listen(): void {
		// Before the built-in provider's priority 10, to detach a provider that was attached late.
		add_action( 'wu_add_domain', array( $this, 'added' ), 5, 2 );
		add_action( 'wu_add_subdomain', array( $this, 'added' ), 5, 2 );
		add_action( 'wu_remove_domain', array( $this, 'removed' ), 5, 2 );
		add_action( 'wu_remove_subdomain', array( $this, 'removed' ), 5, 2 );
		add_action( self::transition(), array( $this, 'mapping_changed' ), 5, 3 );
		add_action( 'pilotsync_domain_renamed', array( $this, 'renamed' ), 10, 3 );
	}

	/** Detaches the listeners. */
	public function stop(): void {
		foreach ( array( 'wu_add_domain', 'wu_add_subdomain' ) as $action ) {
			remove_action( $action, array( $this, 'added' ), 5 );
		}
		foreach ( array( 'wu_remove_domain', 'wu_remove_subdomain' ) as $action ) {
			remove_action( $action, array( $this, 'removed' ), 5 );
		}
		remove_action( self::transition(), array( $this, 'mapping_changed' ), 5 );
		remove_action( 'pilotsync_domain_renamed', array( $this, 'renamed' ), 10 );
	}

	/**
	 * A domain was mapped, or a site made.
	 *
	 * @param string $domain  The name.
	 * @param int    $site_id WordPress's id of the site.
	 */
	public function added( $domain, $site_id = 0 ): void {
		$this->takeover->detach();
		$domain = self::name( $domain );
		// Ultimate Multisite runs this action in the background. If the mapping was
		// renamed meanwhile, the old name must not be added.
		if ( 'wu_add_domain' === current_action() && $this->domains->renamed_within( $domain, self::LATE ) && null === Mapping::find( $domain ) ) {
			Log::domain( $domain, __( 'Not added: its mapping has another name now.', 'pilotsync' ) );
			return;
		}
		// From 2.4 a new site also has a mapping of its own name, whose wu_add_domain has the same effect.
		if ( 'wu_add_subdomain' === current_action() && self::site_of( $domain ) === (int) $site_id ) {
			return;
		}
		$this->change( 'add', $domain, (int) $site_id );
	}

	/**
	 * Adds mappings that were created while the plugin didn't listen.
	 *
	 * @param object[] $mappings Ultimate Multisite's domains.
	 */
	public function hand_over( array $mappings ): void {
		$changes = array();
		foreach ( $mappings as $mapping ) {
			$domain    = self::name( $mapping->get_domain() );
			$changes[] = array( 'add', $domain, self::www( $domain ), (int) $mapping->get_blog_id() );
		}
		$this->outbox->put( $changes );
		$this->outbox->flush( true );
	}

	/**
	 * Imports names that were removed and then mapped again while the plugin didn't listen. Ultimate Multisite's own provider
	 * listed them, and workers would remove them again. Mappings in progress are added anyway.
	 *
	 * @throws \RuntimeException If the database fails.
	 */
	public function hand_over_removed(): void {
		$changes = array();
		foreach ( $this->domains->removed() as $removed ) {
			foreach ( array( $removed, 'www.' . $removed ) as $domain ) { // Its www form was removed, too.
				$mapping = Mapping::find( $domain );
				if ( $mapping && Mapping::is_here( $mapping ) && ! in_array( $mapping->get_stage(), Stage::CHECKING, true ) ) {
					$changes[] = self::of( 'adopt', $domain, (int) $mapping->get_blog_id() );
				}
			}
		}
		$this->outbox->put( $changes );
		$this->outbox->flush( true );
	}

	/**
	 * Requests a verification in place of Ultimate Multisite's check of a mapping. That is due
	 * when the mapping is new, and whenever its edit page is saved.
	 *
	 * @param object $mapping Ultimate Multisite's domain.
	 */
	public function recheck( $mapping ): void {
		$domain = self::name( $mapping->get_domain() );
		if ( in_array( $mapping->get_stage(), Stage::CHECKING, true ) && ! $this->domains->asked_within( $domain, self::JUST_ASKED ) ) {
			$this->change( 'verify', $domain, (int) $mapping->get_blog_id() );
		}
	}

	/**
	 * A mapping was removed, or a site deleted.
	 *
	 * @param string $domain  The name.
	 * @param int    $site_id WordPress's id of the site.
	 */
	public function removed( $domain, $site_id = 0 ): void {
		$this->takeover->detach();
		$domain = self::name( $domain );
		if ( 'wu_remove_subdomain' === current_action() && self::is_address_of_another( $domain, (int) $site_id ) ) {
			Log::domain( $domain, __( 'Not removed: another site has this address.', 'pilotsync' ) );
			return;
		}
		$this->change( 'remove', $domain, (int) $site_id );
	}

	/**
	 * The column "domain" of a mapping changed. wu_add_domain has the new name; no action has the old one.
	 *
	 * @param mixed $old     The old name; "new" when the mapping is new.
	 * @param mixed $new     The new name.
	 * @param int   $item_id The mapping's id.
	 */
	public function mapping_changed( $old, $new, $item_id = 0 ): void {
		$mapping = function_exists( 'wu_get_domain' ) ? wu_get_domain( $item_id ) : null;
		$site_id = $mapping ? (int) $mapping->get_blog_id() : 0;
		if ( 'new' !== $old ) {
			$this->renamed( $old, $new, $site_id );
		}
		if ( 'wu_transition_domain_domain' !== current_action() && is_string( $new ) ) {
			// On a second network Ultimate Multisite doesn't receive its own hook, so no wu_add_domain follows.
			try {
				$this->change( 'add', self::name( $new ), $site_id );
			} catch ( \RuntimeException $e ) {
				Log::domain( self::name( $new ), $e->getMessage(), 'error' ); // The form must still be saved.
			}
		}
	}

	/**
	 * A mapping was renamed: the old name is removed.
	 *
	 * @param mixed $old     The old name.
	 * @param mixed $new     The new name.
	 * @param int   $site_id WordPress's id of the site.
	 */
	public function renamed( $old, $new, $site_id = 0 ): void {
		$old = is_string( $old ) ? self::name( $old ) : '';
		$new = is_string( $new ) ? self::name( $new ) : '';
		if ( '' === $old || $old === $new ) {
			return;
		}
		try {
			$this->domains->note_renamed( $old );
			$this->change( 'remove', $old, (int) $site_id );
		} catch ( \RuntimeException $e ) {
			// This request saves a form, which must succeed.
			Log::domain( $old, $e->getMessage(), 'error' );
		}
	}

	/**
	 * A change of a domain, for Outbox::put.
	 *
	 * @param string $kind    add, adopt or remove.
	 * @param string $domain  The name.
	 * @param int    $site_id WordPress's id of the site.
	 * @return array{string, string, string, int}
	 */
	public static function of( string $kind, string $domain, int $site_id ): array {
		return array( $kind, $domain, self::www( $domain ), $site_id );
	}

	/**
	 * The www rule of a name. Names below the network's own domain get no www form. For others Ultimate Multisite's rule
	 * decides, so that both agree: it counts labels, while a worker's main_only uses the public suffix list. Versions before
	 * 2.4.4 have only the setting.
	 *
	 * @param string $domain The name.
	 */
	public static function www( string $domain ): string {
		if ( self::is_own( $domain ) ) {
			return 'never';
		}
		$creates = Ultimate::creates_www( $domain );
		if ( null !== $creates ) {
			return $creates ? 'always' : 'never';
		}
		$setting = function_exists( 'wu_get_setting' ) ? wu_get_setting( 'auto_create_www_subdomain', 'always' ) : 'always';
		return in_array( $setting, array( 'always', 'main_only', 'never' ), true ) ? $setting : 'always';
	}

	/**
	 * Puts one change into the outbox and tries to send it.
	 *
	 * @param string $kind    add, remove or verify.
	 * @param string $domain  The name.
	 * @param int    $site_id WordPress's id of the site.
	 * @throws \RuntimeException If the database fails; Action Scheduler then shows the action as failed.
	 */
	private function change( string $kind, string $domain, int $site_id ): void {
		if ( '' === $domain ) {
			return;
		}
		if ( 'remove' === $kind && in_array( $domain, self::network_addresses(), true ) ) {
			Log::domain( $domain, __( 'Not removed: it is the network\'s own domain.', 'pilotsync' ), 'warning' );
			return;
		}
		$changes = array( self::of( $kind, $domain, $site_id ) );
		if ( 'remove' === $kind ) {
			$changes = array_merge( $changes, self::restore_www( $domain ) );
		}
		$this->outbox->put( $changes );
		if ( 'remove' === $kind ) {
			$this->domains->note_removed( $domain );
		} else {
			$this->domains->note_asked( $domain );
		}
		$this->outbox->flush();
	}

	/**
	 * The changes that must follow the removal of www.example.com, which also removes the www form of example.com. If
	 * example.com is mapped, it is added again, which restores its www form.
	 *
	 * @param string $domain The name that is removed.
	 * @return array[] Changes for Outbox::put.
	 */
	private static function restore_www( string $domain ): array {
		$bare    = 0 === strpos( $domain, 'www.' ) ? substr( $domain, 4 ) : '';
		$mapping = Mapping::find( $bare );
		return $mapping && 'never' !== self::www( $bare ) ? array( self::of( 'add', $bare, (int) $mapping->get_blog_id() ) ) : array();
	}

	/** The site of a name's mapping; 0 if it has none. */
	private static function site_of( string $domain ): int {
		$mapping = Mapping::find( $domain );
		return $mapping ? (int) $mapping->get_blog_id() : 0;
	}

	/**
	 * The action for a mapping's change of name. Its name differs on all networks except the main
	 * one.
	 */
	private static function transition(): string {
		$network = get_current_network_id();
		return ( get_main_network_id() === $network ? 'wu' : "wu_$network" ) . '_transition_domain_domain';
	}

	/**
	 * Whether a name is below the domain of a network, or the domain itself.
	 *
	 * @param string $domain The name.
	 */
	public static function is_own( string $domain ): bool {
		foreach ( self::network_domains() as $own ) {
			if ( $domain === $own || substr( $domain, -strlen( $own ) - 1 ) === '.' . $own ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * The domains of the networks in this installation, below which subsites are.
	 *
	 * @return string[]
	 */
	private static function network_domains(): array {
		$domains = array();
		foreach ( get_networks() as $network ) {
			$domains[] = (string) preg_replace( '/^www\./', '', self::host( $network->domain ) );
		}
		return $domains;
	}

	/**
	 * The names of the networks themselves. If a network's domain is www.example.com, its subsites are below example.com.
	 *
	 * @return string[]
	 */
	private static function network_addresses(): array {
		$addresses = self::network_domains();
		foreach ( get_networks() as $network ) {
			$addresses[] = self::host( $network->domain );
			$main        = (int) get_main_site_id( (int) $network->id );
			$site        = $main ? get_site( $main ) : null;
			if ( $site ) {
				$addresses[] = self::host( $site->domain );
			}
		}
		return $addresses;
	}

	/**
	 * Whether a site other than the deleted one has this address: one domain can have several sites, each in a path.
	 *
	 * @param string $domain  The name.
	 * @param int    $deleted The deleted site.
	 */
	private static function is_address_of_another( string $domain, int $deleted ): bool {
		$query = array(
			'domain'       => $domain,
			'site__not_in' => array( $deleted ),
			'number'       => 1,
			'fields'       => 'ids',
		);
		return '' !== $domain && array() !== get_sites( $query );
	}

	/** A host without its port. */
	private static function host( string $host ): string {
		return (string) preg_replace( '/:\d+$/', '', strtolower( $host ) );
	}

	/**
	 * The name in the form in which this class compares names. The library decides whether it is
	 * a host name.
	 */
	private static function name( $domain ): string {
		return rtrim( strtolower( trim( (string) $domain ) ), '.' );
	}
}
