-- What `schema --alter` adds to tables that another generator made. Rows that are there have no names or prices to
-- give, so columns that only they would lack may be null; what the load and the ledger rely on is never null.

ALTER TABLE users
    ADD COLUMN IF NOT EXISTS first_name text,
    ADD COLUMN IF NOT EXISTS last_name  text,
    ADD COLUMN IF NOT EXISTS email      text CONSTRAINT users_email_key UNIQUE,
    ADD COLUMN IF NOT EXISTS is_vip     boolean     NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE items
    ADD COLUMN IF NOT EXISTS name       text,
    ADD COLUMN IF NOT EXISTS category   text,
    ADD COLUMN IF NOT EXISTS price      numeric(10, 2) CONSTRAINT items_price_check CHECK (price > 0),
    ADD COLUMN IF NOT EXISTS inventory  integer NOT NULL DEFAULT 0
                                        CONSTRAINT items_inventory_check CHECK (inventory >= 0),
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();

ALTER TABLE purchases
    ADD COLUMN IF NOT EXISTS user_id        bigint,
    ADD COLUMN IF NOT EXISTS item_id        bigint,
    ADD COLUMN IF NOT EXISTS campaign_id    text,
    ADD COLUMN IF NOT EXISTS quantity       integer NOT NULL DEFAULT 1
                                            CONSTRAINT purchases_quantity_check CHECK (quantity > 0),
    ADD COLUMN IF NOT EXISTS purchase_price numeric(12, 2),
    ADD COLUMN IF NOT EXISTS order_ref      uuid CONSTRAINT purchases_order_ref_key UNIQUE,
    ADD COLUMN IF NOT EXISTS status         text NOT NULL DEFAULT 'placed'
                                            CONSTRAINT purchases_status_check CHECK (status IN ('placed', 'cancelled')),
    ADD COLUMN IF NOT EXISTS created_at     timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS updated_at     timestamptz NOT NULL DEFAULT now();

ALTER TABLE restocks
    ADD COLUMN IF NOT EXISTS restock_ref uuid CONSTRAINT restocks_restock_ref_key UNIQUE,
    ADD COLUMN IF NOT EXISTS item_id     bigint,
    ADD COLUMN IF NOT EXISTS quantity    integer NOT NULL DEFAULT 1
                                         CONSTRAINT restocks_quantity_check CHECK (quantity > 0),
    ADD COLUMN IF NOT EXISTS created_at  timestamptz NOT NULL DEFAULT now();
