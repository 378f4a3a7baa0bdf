<?php
/**
 * Wires everything up.
 *
 * @package Pilotsync
 */

namespace Pilotsync\WordPress;

/** The plugin as a whole: what it attaches, when, and how it gives everything back. */
final class Plugin {

	/** @var Settings */
	private $settings;
	/** @var Domains */
	private $domains;
	/** @var Retry */
	private $retry;
	/** @var Outbox */
	private $outbox;
	/** @var Handover */
	private $handover;
	/** @var Takeover */
	private $takeover;
	/** @var Changes */
	private $changes;
	/** @var Polling */
	private $polling;
	/** @var MailQueue */
	private $mail;
	/** @var Mails */
	private $mails;
	/** @var Webhook */
	private $webhook;

	private function __construct() {
		$this->domains  = new Domains();
		$this->settings = new Settings();
		$this->retry    = new Retry();
		$this->takeover = new Takeover();
		$this->outbox   = new Outbox( $this->settings, $this->retry, $this->domains );
		$this->handover = new Handover( $this->outbox, $this->retry );
		$this->outbox->watch( array( $this->handover, 'seen' ) );
		$this->changes  = new Changes( $this->outbox, $this->takeover, $this->domains );
		$this->polling  = new Polling( $this->changes );
		$this->mail     = new MailQueue( $this->settings );
		$this->mails    = new Mails( $this->mail );
		$this->webhook  = new Webhook( $this->settings, new Events( $this->settings, $this->domains, $this->mails, $this->handover ), $this->mail );
	}

	/**
	 * Begins once all plugins are there. Ultimate Multisite attaches its provider in plugins_loaded at priority 12, the
	 * older layout earlier.
	 *
	 * @param string $file The plugin's main file.
	 */
	public static function start( string $file ): void {
		$plugin = new self();
		register_activation_hook( $file, array( $plugin, 'begin' ) );
		register_deactivation_hook( $file, array( $plugin, 'stop' ) );
		if ( did_action( 'plugins_loaded' ) ) {
			$plugin->load(); // It is being activated.
		} else {
			add_action( 'plugins_loaded', array( $plugin, 'load' ), 13 );
		}
	}

	/** Attaches everything, if there is what it needs. */
	public function load(): void {
		if ( $this->settings->off() ) {
			return;
		}
		Texts::load();
		$problems = $this->problems();
		$checks   = new Checks( $this->settings, $this->outbox, $this->mail, $problems );
		( new Notices( $this->outbox, $this->domains, $problems ) )->listen();
		( new SiteHealth( $checks ) )->listen();
		if ( defined( 'WP_CLI' ) && WP_CLI ) {
			\WP_CLI::add_command( 'pilotsync', new Command( $this->settings, $this->outbox, $checks ) );
		}
		if ( $problems ) {
			return; // Also the built-in provider goes on as before.
		}
		Schema::install();
		$this->takeover->detach();
		add_action( 'init', array( $this->takeover, 'detach' ), PHP_INT_MAX ); // Should it be attached late.
		$this->changes->listen();
		if ( $this->settings->webhook_secrets() ) {
			// Without webhooks nobody else would set the stage.
			$this->polling->listen();
		}
		add_action( 'rest_api_init', array( $this->webhook, 'register' ) );
		add_action( Retry::ACTION, array( $this, 'flush' ) );
		add_action( Retry::HOURLY, array( $this, 'flush' ) );
		$standings = new Standings( $this->settings, $this->domains );
		( new DomainList( $standings ) )->listen();
		add_action( Retry::HOURLY, array( new Digest( $this->settings, $standings, $this->mails ), 'hourly' ) );
		add_action( Retry::HOURLY, array( $this->mail, 'send' ) );
		add_action( Retry::ACTION, array( $this->mail, 'send' ) );
		add_action( 'pilotsync_ledger_lost', array( $this->mails, 'ledger_lost' ) );
		add_action( 'init', array( $this->retry, 'schedule_hourly' ) );
	}

	/** Sends the outbox, on schedule, and looks for a lost ledger. */
	public function flush(): void {
		$this->outbox->flush( true );
		$this->handover->check();
	}

	/** Takes over what is in progress when the plugin is switched on: nothing else would move those mappings' stages. */
	public function begin(): void {
		if ( $this->settings->off() || $this->problems() ) {
			return;
		}
		try {
			$this->changes->hand_over( Mapping::in_progress() );
		} catch ( \RuntimeException $e ) {
			Log::general( $e->getMessage(), 'error' );
		}
	}

	/** Gives everything back when the plugin is switched off. What still waits stays for when it is switched on again. */
	public function stop(): void {
		if ( ! $this->problems() && ! $this->settings->off() ) {
			$this->outbox->flush( true );
			if ( $this->settings->webhook_secrets() ) {
				Polling::resume(); // Without webhooks its check was never off.
			}
		}
		$this->changes->stop();
		$this->polling->stop();
		$this->takeover->give_back();
		$this->retry->stop();
	}

	/**
	 * Why the plugin can't do anything here.
	 *
	 * @return string[] Empty if it can.
	 */
	private function problems(): array {
		$problems = array();
		if ( ! is_multisite() ) {
			$problems[] = __( 'This WordPress is no network (multisite).', 'pilotsync' );
		}
		$ultimate = Ultimate::problem();
		if ( '' !== $ultimate ) {
			$problems[] = $ultimate;
		} else {
			$problems = array_merge( $problems, $this->settings->missing() );
		}
		if ( ! self::library() ) {
			$problems[] = __( 'The PHP library of pilotsync is missing; it belongs into the plugin\'s folder lib.', 'pilotsync' );
		}
		if ( ! $problems && ! $this->settings->shared_redis() ) {
			$shared   = new SharedRedis( $this->settings );
			$problems = array_filter( array( $shared->with_cache() ) );
		}
		return $problems;
	}

	/** Loads the library: with Composer, from lib/ as it is packed, or from the folder above as it is in the repository. */
	private static function library(): bool {
		if ( class_exists( 'Pilotsync\Client' ) ) {
			return true;
		}
		foreach ( array( dirname( __DIR__ ) . '/lib', dirname( __DIR__, 2 ) ) as $folder ) {
			if ( is_file( $folder . '/autoload.php' ) && is_file( $folder . '/src/Client.php' ) ) {
				require_once $folder . '/autoload.php';
				return class_exists( 'Pilotsync\Client' );
			}
		}
		return false;
	}
}
